// Conformance: OpenAI schema
//
// Every response and every event of a stream that the gateway writes in OpenAI's dialects, from engines of all
// dialects, is what OpenAI's own API description says it is; errors and the list of models too.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { type DialectBed, startDialectBed } from './dialect-bed.ts'
import { datasOf, plain, post, scenes } from './dialects.ts'
import { judgeKept } from './kept-responses.ts'
import { type Score, Scoring } from './score.ts'
import { engineNames, wires } from './scripted-engine.ts'
import type { Json } from './wire/wire-dialect.ts'

export const schemaPath = 'gateway/openai-openapi.json'

type Why = (schema: string, value: unknown) => string | null

export async function openaiSchema(data: string): Promise<Score> {
  const why = validator(JSON.parse(readFileSync(join(data, schemaPath), 'utf8')))
  const bed = await startDialectBed()
  const scoring = new Scoring()
  const check = (place: string, schema: string, value: Json) => {
    const reason = why(schema, value)
    const type = typeof value?.type === 'string' ? ` ${value.type}` : ''
    scoring.check(reason === null, `${place}${type} is no ${schema}: ${reason}`)
  }
  for (const schema of [...Object.values(wholes), ...Object.values(events)]) {
    scoring.check(why(schema, { type: 'response.created' }) !== null, `${schema} refuses nothing`)
  }
  try {
    for (const to of engineNames) {
      for (const [what, { ask, script }] of Object.entries(scenes)) {
        for (const from of ['openai', 'openai-responses'] as const) {
          bed.engine.script = script
          const place = `${from} to ${to}, ${what}`
          const model = bed.modelOf(to)
          const whole = await post(
            bed,
            wires[from].path(model, false),
            wires[from].write(ask, model),
          )
          const isError = whole.status !== 200
          check(place, isError ? 'ErrorResponse' : wholes[from], await whole.json())
          const asked = { ...ask, stream: true }
          const streamed = await post(
            bed,
            wires[from].path(model, true),
            wires[from].write(asked, model),
          )
          const text = await streamed.text()
          if (streamed.status !== 200) check(place, 'ErrorResponse', JSON.parse(text))
          else for (const event of datasOf(text)) check(place, events[from], event)
        }
      }
    }
    for (const to of engineNames) {
      bed.engine.script = plain
      await judgeKept(bed, to, check)
    }
    await checkRest(bed, check)
    return scoring.score
  } finally {
    await bed.stop()
  }
}

const wholes = { openai: 'CreateChatCompletionResponse', 'openai-responses': 'Response' } as const
const events = {
  openai: 'CreateChatCompletionStreamResponse',
  'openai-responses': 'ResponseStreamEvent',
} as const

/** What the gateway says of itself. */
async function checkRest(
  bed: DialectBed,
  check: (place: string, schema: string, value: Json) => void,
): Promise<void> {
  const headers = { authorization: `Bearer ${bed.fleet.key}` }
  const models = await fetch(`${bed.fleet.gateway}/v1/models`, { headers })
  check('GET /v1/models', 'ListModelsResponse', await models.json())
  for (const to of ['openai', 'gemini'] as const) {
    const asked = { model: bed.modelOf(to), input: ['a', 'b'] }
    const embedded = await post(bed, '/v1/embeddings', asked)
    check(`embeddings of ${to}`, 'CreateEmbeddingResponse', await embedded.json())
  }
  const unknown = { model: 'nobody', messages: [{ role: 'user', content: 'x' }] }
  for (const path of ['/v1/chat/completions', '/v1/responses', '/v1/embeddings', '/v1/nothing']) {
    check(path, 'ErrorResponse', await (await post(bed, path, unknown)).json())
  }
  const anonymous = await fetch(`${bed.fleet.gateway}/v1/models`)
  check('without a key', 'ErrorResponse', await anonymous.json())
}

/** Judges a value by a schema of the description; `nullable` without a type is a stray. */
function validator(description: Json): Why {
  const ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: false })
  ajv.addSchema({ $id: 'openai', components: withoutStrays(description.components) })
  return (schema, value) => {
    const validate = ajv.getSchema(`openai#/components/schemas/${schema}`)
    if (validate === undefined) return `there is no schema ${schema}`
    if (validate(value) === true) return null
    const [first] = validate.errors ?? []
    return `${first?.instancePath} ${first?.message} ${JSON.stringify(value).slice(0, 300)}`
  }
}

/** OpenAPI 3.1 is JSON Schema, but for `nullable` of 3.0, which beside a type means "or null". */
function withoutStrays(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutStrays)
  if (typeof value !== 'object' || value === null) return value
  const { nullable, discriminator: _, ...rest } = value
  const own = Object.fromEntries(
    Object.entries(rest).map(([name, one]) => [name, withoutStrays(one)]),
  )
  if (nullable !== true) return own
  return { anyOf: [own, { type: 'null' }] }
}
