// Writes DEPENDENCIES.txt: the resolved tree of what is installed with the published packages.

import { readFileSync, writeFileSync } from 'node:fs'

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'))
const lines = Object.entries(packages)
  .filter(([path, entry]) => path.startsWith('node_modules/') && !entry.dev && !entry.link)
  .map(([path, { version, license }]) => {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    return `${name} ${version} ${license ?? ''}`.trim()
  })
writeFileSync('DEPENDENCIES.txt', `${[...new Set(lines)].sort().join('\n')}\n`)
