// Schemas of answers between dialects: what each provider takes of what another one's caller wrote.

import { describe, expect, test } from 'vitest'
import type { ChatDialect, EngineDialect } from './chat.ts'
import { jsonSchemaOf } from './gemini-schema.ts'
import { closedSchema, isStrictSchema } from './strict-schema.ts'
import { parseChat, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

function written(from: ChatDialect, to: EngineDialect, body: object): object {
  const parsed = parseChat(from, { ...body }, { model: 'm', stream: false })
  return isUnsayable(parsed) ? parsed : writeChat(to, parsed, from)
}

const city = { type: 'string' }
const open = { type: 'object', properties: { city, n: { type: 'integer' } }, required: ['city'] }
const closed = { ...open, additionalProperties: false }
const strict = { ...closed, required: ['city', 'n'] }

describe('a schema of Gemini’s', () => {
  const ofGemini = (generationConfig: object) => ({
    contents: [{ parts: [{ text: 'x' }] }],
    generationConfig: { responseMimeType: 'application/json', ...generationConfig },
  })

  test('is one of JSON', () => {
    const properties = {
      b: { type: 'ARRAY', items: { type: 'STRING' }, minItems: '1', maxItems: 3 },
      a: { type: 'STRING', format: 'enum', enum: ['x'], nullable: true },
      c: { anyOf: [{ type: 'STRING', maxLength: '9' }, { type: 'INTEGER' }], nullable: true },
    }
    const made = jsonSchemaOf({ type: 'OBJECT', properties, propertyOrdering: ['a', 'b', 'z'] })
    const type = ['string', 'null']
    const wanted = {
      a: { type, enum: ['x', null] },
      b: { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 3 },
      c: {
        anyOf: [{ type: 'string', maxLength: 9 }, { type: 'integer' }, { type: 'null' }],
      },
    }
    // The order of members counts.
    expect(JSON.stringify(made)).toBe(JSON.stringify({ type: 'object', properties: wanted }))
  })

  test('is strict at OpenAI’s where OpenAI can keep it', () => {
    const isStrictFor = (schema: object) => {
      const body = ofGemini({ responseJsonSchema: schema })
      const chat = JSON.stringify(written('gemini', 'openai', body))
      const responses = JSON.stringify(written('gemini', 'openai-responses', body))
      return [chat, responses].map((text) => text.includes('"strict":true'))
    }
    expect(isStrictFor(strict)).toEqual([true, true])
    expect(isStrictFor(open)).toEqual([false, false])
    expect(isStrictFor(closed)).toEqual([false, false])
  })

  test.each(['anthropic', 'bedrock'] as const)('has closed objects for %s', (to) => {
    const properties = { city: { type: 'STRING' }, n: { type: 'INTEGER' } }
    const responseSchema = { type: 'OBJECT', properties, required: ['city'] }
    const request = JSON.stringify(written('gemini', to, ofGemini({ responseSchema })))
    expect(request.replaceAll('\\"', '"')).toContain(JSON.stringify(closed))
  })
})

test.each(['anthropic', 'bedrock'] as const)('tools are held to closed objects by %s', (to) => {
  const toldIn = (mode: string) =>
    JSON.stringify(
      written('gemini', to, {
        contents: [{ parts: [{ text: 'x' }] }],
        tools: [{ functionDeclarations: [{ name: 'f', parametersJsonSchema: open }] }],
        toolConfig: { functionCallingConfig: { mode } },
      }),
    )
  expect(toldIn('VALIDATED')).toContain(JSON.stringify(closed))
  expect(toldIn('AUTO')).toContain(JSON.stringify(open))
})

test('a schema of Anthropic’s is strict at OpenAI’s where OpenAI can keep it', () => {
  const strictOf = (schema: object) =>
    written('anthropic', 'openai', {
      ...{ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] },
      output_config: { format: { type: 'json_schema', schema } },
    })
  const format = (isStrict: boolean) => ({ response_format: { json_schema: { strict: isStrict } } })
  expect(strictOf(strict)).toMatchObject(format(true))
  expect(strictOf(closed)).toMatchObject(format(false))
})

test('a strict schema says all of its members, everywhere in it', () => {
  expect(isStrictSchema(strict)).toBe(true)
  const of = (one: object) => ({ ...strict, properties: { city: one, n: city } })
  const fine = { type: ['object', 'null'], properties: {}, additionalProperties: false }
  expect(isStrictSchema(of({ type: 'array', items: fine, minItems: 1 }))).toBe(true)
  expect(isStrictSchema(of({ type: 'string', format: 'date-time' }))).toBe(true)
  expect(isStrictSchema(of({ $ref: '#/$defs/x' }))).toBe(true)
  expect(isStrictSchema({ ...strict, $defs: { x: open } })).toBe(false)
  expect(isStrictSchema(of({ type: 'array', items: open }))).toBe(false)
  expect(isStrictSchema(of({ anyOf: [city, open] }))).toBe(false)
  expect(isStrictSchema(of({ type: 'integer', format: 'int64' }))).toBe(false)
  expect(isStrictSchema(of({ type: 'string', minLength: 1 }))).toBe(false)
  expect(isStrictSchema(city)).toBe(false)
  expect(isStrictSchema({ ...strict, anyOf: [strict] })).toBe(false)
})

test('objects are closed wherever they stand, unless they say otherwise', () => {
  const more = { type: 'object', additionalProperties: { type: 'string' } }
  const any = { type: 'object', additionalProperties: true }
  expect(
    closedSchema({
      ...{ $defs: { x: open }, type: ['object', 'null'] },
      properties: { more, any, list: { type: 'array', items: open }, one: { anyOf: [open, city] } },
    }),
  ).toEqual({
    ...{ $defs: { x: closed }, type: ['object', 'null'] },
    additionalProperties: false,
    properties: {
      ...{ more, any },
      ...{ list: { type: 'array', items: closed }, one: { anyOf: [closed, city] } },
    },
  })
})
