// Documents
//
// YAML and JSON files with one or more resources, bounded: a file of aliases that unfolds to gigabytes is
// refused before it does.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { Failure } from '../failure.ts'

const bytesMax = 4 * 2 ** 20 // as much as the control plane takes in one document
const aliasesMax = 100

export interface SourceDocument {
  /** File and number of the document in it, for messages. */
  readonly source: string
  readonly value: unknown
}

/**
 * The documents of a file, of every .yaml, .yml and .json in a folder, or of standard input
 * (`-`).
 */
export function readDocuments(path: string): SourceDocument[] {
  if (path === '-') return parseDocuments('standard input', readFileSync(0, 'utf8'))
  try {
    if (statSync(path).isDirectory()) {
      const names = readdirSync(path).filter((name) => /\.(ya?ml|json)$/.test(name))
      if (names.length === 0) {
        const message = `${path}: expected .yaml, .yml or .json files in it, there are none`
        throw new Failure('tutti/document-invalid', message)
      }
      return names.sort().flatMap((name) => readDocuments(join(path, name)))
    }
    return parseDocuments(path, readFileSync(path, 'utf8'))
  } catch (cause) {
    if (cause instanceof Failure) throw cause
    throw new Failure('tutti/file-unreadable', `cannot read ${path}: ${String(cause)}`, cause)
  }
}

export function parseDocuments(source: string, text: string): SourceDocument[] {
  if (Buffer.byteLength(text) > bytesMax) {
    const message = `${source}: expected at most ${bytesMax} bytes, got ${Buffer.byteLength(text)}`
    throw new Failure('tutti/document-invalid', message)
  }
  const documents = parseAllDocuments(text, { uniqueKeys: true })
  const list = Array.isArray(documents) ? documents : []
  const values = list.flatMap((document, i) => {
    const [error] = document.errors
    const name = list.length > 1 ? `${source} (document ${i + 1})` : source
    if (error !== undefined) {
      throw new Failure('tutti/document-invalid', `${name} is not YAML or JSON: ${error.message}`)
    }
    const value: unknown = unfold(name, () => document.toJS({ maxAliasCount: aliasesMax }))
    return value === null ? [] : [{ source: name, value }]
  })
  if (values.length > 0) return values
  throw new Failure('tutti/document-invalid', `${source}: expected a resource, the file is empty`)
}

function unfold(name: string, make: () => unknown): unknown {
  try {
    return make()
  } catch (cause) {
    const message = `${name}: ${cause instanceof Error ? cause.message : String(cause)}`
    throw new Failure('tutti/document-invalid', message, cause)
  }
}
