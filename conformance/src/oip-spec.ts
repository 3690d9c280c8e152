// OIP spec
//
// The specification's own OpenAPI file, as far as a judge needs it: which questions there are, and what an
// answer must look like. Endpoints and members are taken from there, not from us.

import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
}

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: { readonly 'application/json': { schema: Schema } } }>
  >
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

/** A path and verb of the specification, with the model and version filled in. */
export interface Endpoint {
  readonly method: string
  readonly path: string
  /** Name of the schema of a good answer; null where only its status is specified. */
  readonly schema: string | null
}

export class OipSpec {
  readonly #spec: OpenApi

  constructor(path: string) {
    this.#spec = parse(readFileSync(path, 'utf8'))
  }

  /** Every endpoint; where the text of the specification lets the version out, without it too. */
  endpointsFor(model: string, version: string): Endpoint[] {
    return Object.entries(this.#spec.paths).flatMap(([path, verbs]) =>
      Object.entries(verbs)
        .filter(([verb]) => verb === 'get' || verb === 'post')
        .flatMap(([verb, { responses }]) => {
          const reference = responses['200']?.content?.['application/json'].schema.$ref
          const schema = reference?.split('/').at(-1) ?? null
          const named = path.replace(modelName, model)
          const full = named.replace(modelVersion, version)
          const short = named.replace(`/versions/${modelVersion}`, '')
          return [...new Set([full, short])].map((one) => ({
            ...{ method: verb.toUpperCase(), path: one, schema },
          }))
        }),
    )
  }

  /** Where a value is not what the named schema says; empty where all is well. */
  complaints(schema: string, value: unknown): string[] {
    return this.#complaints({ $ref: schema }, value, schema)
  }

  #complaints(schema: Schema, value: unknown, where: string): string[] {
    if (schema.$ref !== undefined) {
      const found = this.#spec.components.schemas[schema.$ref.split('/').at(-1) ?? '']
      return found === undefined
        ? [`no schema ${schema.$ref}`]
        : this.#complaints(found, value, where)
    }
    if (schema.anyOf !== undefined) {
      const isOne = schema.anyOf.some((one) => this.#complaints(one, value, where).length === 0)
      return isOne ? [] : [`${where}: is none of ${schema.anyOf.length}`]
    }
    if (!hasType(schema.type, value))
      return [`${where}: expected ${schema.type}, got ${kindOf(value)}`]
    if (Array.isArray(value)) {
      const { items } = schema
      if (items === undefined) return []
      return value.flatMap((one, i) => this.#complaints(items, one, `${where}[${i}]`))
    }
    const members = membersOf(value)
    return [
      ...(schema.required ?? [])
        .filter((name) => !members.has(name))
        .map((name) => `${where}.${name} is missing`),
      ...Object.entries(schema.properties ?? {})
        .filter(([name]) => members.has(name))
        .flatMap(([name, one]) => this.#complaints(one, members.get(name), `${where}.${name}`)),
    ]
  }
}

const modelName = '$' + '{MODEL_NAME}'
const modelVersion = '$' + '{MODEL_VERSION}'

function hasType(type: string | undefined, value: unknown): boolean {
  switch (type) {
    case 'array':
      return Array.isArray(value)
    case 'object':
      return kindOf(value) === 'object'
    case 'integer':
      return Number.isInteger(value)
    case undefined:
      return true
    default:
      return typeof value === type
  }
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : [])
}
