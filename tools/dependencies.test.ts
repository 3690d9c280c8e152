// What is installed is written down: the resolved tree, and in every package's README why each one is there.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const packages = readdirSync('packages')

test('DEPENDENCIES.txt is the tree of the lockfile: node tools/list-dependencies.mjs writes it', () => {
  const script = `import('./tools/list-dependencies.mjs').then((m) => console.log(m.listDependencies()))`
  const listed = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim()
  expect(readFileSync('DEPENDENCIES.txt', 'utf8').trim()).toBe(listed)
})

test.each(packages)('the README of %s has a row for each dependency, and no other', (name) => {
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
    readFileSync(`packages/${name}/package.json`, 'utf8'),
  ) as Readonly<Record<string, Readonly<Record<string, string>>>>
  const versions = Object.entries({ ...dependencies, ...optionalDependencies }).filter(
    ([dependency]) => dependency !== 'tutti' && !dependency.startsWith('@tutti/'),
  )
  const section =
    readFileSync(`packages/${name}/README.md`, 'utf8').split('## Dependencies')[1] ?? ''
  const rows = section.split('\n').filter((line) => line.startsWith('| '))
  const named = rows
    .slice(1) // the head
    .flatMap((row) => row.split('|')[1]?.split(',') ?? [])
    .map((cell) => cell.replace('(optional)', '').trim())
    .filter((cell) => !/^-*$/.test(cell))
  const wanted = versions.map(([dependency, version]) => {
    const [major, minor] = version.replace(/^[^\d]*/, '').split('.')
    return `${dependency} ${major}.${minor}`
  })
  expect([...named].sort()).toEqual(wanted.sort())
})
