// List dependencies
//
// The resolved tree of what is installed with the published packages, from the lockfile. Run as a program, it
// writes DEPENDENCIES.txt; a test compares that file with the lockfile.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** One line per package and version, sorted. */
export function listDependencies() {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'))
  const lines = Object.entries(packages)
    .filter(([path, entry]) => path.startsWith('node_modules/') && !entry.dev && !entry.link)
    .map(([path, { version, license }]) => {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
      return `${name} ${version} ${license ?? ''}`.trim()
    })
  return `${[...new Set(lines)].sort().join('\n')}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync('DEPENDENCIES.txt', listDependencies())
}
