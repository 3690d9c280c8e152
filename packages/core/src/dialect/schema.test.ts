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

describe('a strict tool', () => {
  const ofAnthropic = (input_schema: object) => ({
    ...{ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] },
    tools: [{ name: 'f', strict: true, input_schema }],
  })
  const ofGemini = (parametersJsonSchema: object) => ({
    contents: [{ parts: [{ text: 'x' }] }],
    tools: [{ functionDeclarations: [{ name: 'f', parametersJsonSchema }] }],
    toolConfig: { functionCallingConfig: { mode: 'VALIDATED' } },
  })

  test.each(['openai', 'openai-responses'] as const)(
    'is one for %s where that can keep it',
    (to) => {
      for (const [from, body] of [
        ['anthropic', ofAnthropic],
        ['gemini', ofGemini],
      ] as const) {
        const isStrict = (schema: object) =>
          JSON.stringify(written(from, to, body(schema))).includes('"strict":true')
        expect([from, isStrict(strict), isStrict(closed)]).toEqual([from, true, false])
      }
    },
  )

  test('is one for Bedrock, and wherever a caller of OpenAI’s says so', () => {
    const said = '"strict":true'
    expect(JSON.stringify(written('anthropic', 'bedrock', ofAnthropic(closed)))).toContain(said)
    const tool = { type: 'function', function: { name: 'f', strict: true, parameters: closed } }
    const body = { model: 'm', messages: [{ role: 'user', content: 'x' }], tools: [tool] }
    expect(JSON.stringify(written('openai', 'openai-responses', body))).toContain(said)
  })
})

test('bounds of numbers are words where a bounded schema is refused', () => {
  const most = Number.MAX_SAFE_INTEGER
  const n = { type: 'integer', minimum: 1, maximum: most, description: 'how many' }
  const all = { type: 'integer', minimum: -most, maximum: most }
  const share = { type: 'number', exclusiveMinimum: 0, multipleOf: 0.5 }
  // A member may have the name of a bound.
  const properties = { n, all, maximum: { type: 'array', items: share } }
  const schema = { type: 'object', properties, additionalProperties: false }
  const told = {
    ...schema,
    properties: {
      n: { type: 'integer', description: 'how many\n{minimum: 1}' },
      all: { type: 'integer' },
      maximum: {
        type: 'array',
        items: { type: 'number', description: '{exclusiveMinimum: 0, multipleOf: 0.5}' },
      },
    },
  }
  expect(closedSchema(schema)).toEqual(told)
  const tool = (isStrict: boolean) => ({ name: 'f', strict: isStrict, parameters: schema })
  const said = (isStrict: boolean) => ({
    ...{ model: 'm', messages: [{ role: 'user', content: 'x' }] },
    tools: [{ type: 'function', function: tool(isStrict) }],
  })
  for (const to of ['anthropic', 'bedrock'] as const) {
    expect(JSON.stringify(written('openai', to, said(true)))).toContain(JSON.stringify(told))
    expect(JSON.stringify(written('openai', to, said(false)))).toContain(JSON.stringify(schema))
  }
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
  expect(isStrictSchema(of({}))).toBe(false)
  expect(isStrictSchema(of({ description: 'any' }))).toBe(false)
  expect(isStrictSchema(of({ type: ['array', 'null'] }))).toBe(false)
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
