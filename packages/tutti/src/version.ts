// Version
//
// The one version number of all packages.

import { readFileSync } from 'node:fs'

/** As package.json says it. */
export function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  const parsed: unknown = JSON.parse(text)
  const version = typeof parsed === 'object' && parsed !== null && 'version' in parsed
  return version ? String(parsed.version) : '0.0.0'
}
