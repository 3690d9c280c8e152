// Documents
//
// YAML and JSON files with one or more resources, bounded: a file of aliases that unfolds to gigabytes is
// refused before it does. What is no UTF-8 is refused, too: read with other letters it would be declared with them.

import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { levelsMax, whereTooDeep } from '@tutti/core/resource'
import { parseAllDocuments, type YAMLParseError } from 'yaml'
import { Failure } from '../failure.ts'

const bytesMax = 4 * 2 ** 20 // as much as the control plane takes in one document
const aliasesMax = 100
const chunkBytes = 65_536

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
  const source = path === '-' ? 'standard input' : path
  try {
    if (path === '-') return parseDocuments(source, readText(source, 0))
    if (statSync(path).isDirectory()) {
      const names = readdirSync(path).filter((name) => /\.(ya?ml|json)$/.test(name))
      if (names.length === 0) {
        const message = `${path}: expected .yaml, .yml or .json files in it, there are none`
        throw new Failure('tutti/document-invalid', message)
      }
      return names.sort().flatMap((name) => readDocuments(join(path, name)))
    }
    return parseDocuments(path, readFile(path))
  } catch (cause) {
    if (cause instanceof Failure) throw cause
    throw new Failure('tutti/file-unreadable', `cannot read ${source}: ${String(cause)}`, cause)
  }
}

/** As `readDocuments`; a document that is a list, as `tutti get --json` prints it, is several. */
export function readResources(path: string): SourceDocument[] {
  return readDocuments(path).flatMap(({ source, value }) => {
    if (!Array.isArray(value)) return [{ source, value }]
    if (value.length === 0) {
      const message = `${source}: expected a resource, the list is empty`
      throw new Failure('tutti/document-invalid', message)
    }
    return value.map((one: unknown, i) => ({ source: `${source} (entry ${i + 1})`, value: one }))
  })
}

function readFile(path: string): string {
  const file = openSync(path, 'r')
  try {
    return readText(path, file)
  } finally {
    closeSync(file)
  }
}

function readText(source: string, file: number): string {
  const chunks: Uint8Array[] = []
  let size = 0
  while (size <= bytesMax) {
    const chunk = new Uint8Array(chunkBytes)
    const count = readSome(file, chunk)
    if (count === 0) break
    chunks.push(chunk.subarray(0, count))
    size += count
  }
  if (size > bytesMax) {
    const hint = 'split it; models go up with tutti model push'
    const message = `${source}: expected at most ${bytesMax} bytes, got more: ${hint}`
    throw new Failure('tutti/document-invalid', message)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch (cause) {
    const message = `${source}: expected UTF-8 text, got other bytes: save it as UTF-8`
    throw new Failure('tutti/document-invalid', message, cause)
  }
}

const pauseMs = 20

/** Standard input may be one that does not wait for what comes, and says so: it is asked again. */
function readSome(file: number, into: Uint8Array): number {
  for (;;) {
    try {
      return readSync(file, into)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
    }
  }
}

export function parseDocuments(source: string, text: string): SourceDocument[] {
  // Its warnings would be printed beside what is said of them.
  const documents = parseAllDocuments(text, { uniqueKeys: true, logLevel: 'error' })
  const list = Array.isArray(documents) ? documents : []
  const values = list.flatMap((document, i) => {
    const [error] = document.errors
    const name = list.length > 1 ? `${source} (document ${i + 1})` : source
    if (error?.code === 'RESOURCE_EXHAUSTION') throw tooDeep(name, `line ${lineOf(error)}`)
    if (error !== undefined) {
      throw new Failure('tutti/document-invalid', `${name} is not YAML or JSON: ${error.message}`)
    }
    const value: unknown = unfold(name, () => document.toJS({ maxAliasCount: aliasesMax }))
    const deep = whereTooDeep(value)
    if (deep !== null) throw tooDeep(name, deep)
    return value === null ? [] : [{ source: name, value }]
  })
  if (values.length > 0) return values
  throw new Failure('tutti/document-invalid', `${source}: expected a resource, the file is empty`)
}

function tooDeep(name: string, where: string): Failure {
  const expected = `expected at most ${levelsMax} levels in each other`
  const message = `${name}: ${expected}, got more at ${where}`
  return new Failure('tutti/document-invalid', message)
}

function lineOf({ linePos }: YAMLParseError): number {
  return linePos?.[0].line ?? 1
}

function unfold(name: string, make: () => unknown): unknown {
  try {
    return make()
  } catch (cause) {
    const message = `${name}: ${cause instanceof Error ? cause.message : String(cause)}`
    throw new Failure('tutti/document-invalid', message, cause)
  }
}
