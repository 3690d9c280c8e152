// OpenAPI
//
// The description of this API, made from the table of kinds: what is parsed is what is documented.

import { specs } from '@tutti/core/kinds'
import { apiVersion, kindNames, kinds } from '@tutti/core/resource'
import type { Hono } from 'hono'
import { z } from 'zod'
import type { Env } from './ports.ts'

export function mountOpenapi(app: Hono<Env>, version: string): void {
  app.get('/api/v1/openapi.json', (context) => context.json(openapi(version)))
}

/** OpenAPI 3.1: schemas are JSON Schema 2020-12 as zod gives them. */
export function openapi(version: string): Record<string, unknown> {
  const schemas = Object.fromEntries(kindNames.map((kind) => [kind, resourceSchema(kind)]))
  const paths = Object.fromEntries(
    kindNames.flatMap((kind) => {
      const { plural, summary } = kinds[kind]
      return [
        [`/api/v1/${plural}`, { get: { summary: `List. ${summary}`, ...operation(kind) } }],
        [
          `/api/v1/${plural}/{name}`,
          {
            get: { summary: `Get one ${kind}.`, ...operation(kind) },
            put: {
              summary: `Apply one ${kind}; with dryRun=true only say what would happen.`,
              ...operation(kind),
              requestBody: body(kind),
            },
            delete: { summary: `Delete one ${kind}.`, ...operation(kind) },
          },
        ],
      ]
    }),
  )
  return {
    openapi: '3.1.0',
    info: { title: 'Tutti control plane', version, license: { name: 'Apache-2.0' } },
    security: [{ bearer: [] }],
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } }, schemas },
    paths,
  }
}

function resourceSchema(kind: keyof typeof kinds): unknown {
  return {
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    description: kinds[kind].summary,
    properties: {
      apiVersion: { const: apiVersion },
      kind: { const: kind },
      metadata: { type: 'object' },
      spec: z.toJSONSchema(specs[kind], { unrepresentable: 'any', io: 'input' }),
      status: { type: 'object', readOnly: true },
    },
  }
}

function operation(kind: string): Record<string, unknown> {
  const schema = { $ref: `#/components/schemas/${kind}` }
  return {
    tags: [kind],
    responses: { '200': { description: 'OK', content: { 'application/json': { schema } } } },
  }
}

function body(kind: string): unknown {
  return { content: { 'application/json': { schema: { $ref: `#/components/schemas/${kind}` } } } }
}
