// Files in requests: those that are text are looked through, of others it is said what they are.

import { describe, expect, test } from 'vitest'
import { detectorsOf } from './detectors-of.ts'
import { guardSpec, wantedPlan } from './guard.ts'
import { inspectRequest } from './inspect.ts'

const guard = guardSpec.parse({ detect: ['email', 'file'] })
const inspection = { detectors: detectorsOf(guard, 'input'), plan: wantedPlan(guard, 'input') }
const base64 = (text: string) => Buffer.from(text).toString('base64')
const csv = 'name,mail\nÁda,ada@example.org\n'
const clean = 'name,mail\nÁda,[EMAIL_1]\n'
const dataUrl = (type: string, text: string) => `data:${type};base64,${base64(text)}`

/** A request of each dialect with a file of this type that says this. */
const requests: Readonly<Record<string, (type: string, text: string) => object>> = {
  'chat completions': (type, text) => ({
    messages: [{ content: [{ type: 'file', file: { file_data: dataUrl(type, text) } }] }],
  }),
  Responses: (type, text) => ({
    input: [{ content: [{ type: 'input_file', file_data: dataUrl(type, text) }] }],
  }),
  Anthropic: (type, text) => ({
    messages: [
      {
        content: [
          {
            type: 'document',
            source: { data: base64(text), type: 'base64', media_type: type },
          },
        ],
      },
    ],
  }),
  Gemini: (type, text) => ({
    contents: [{ parts: [{ inlineData: { mimeType: type, data: base64(text) } }] }],
  }),
  'Gemini in snake case': (type, text) => ({
    contents: [{ parts: [{ inline_data: { data: base64(text), mime_type: type } }] }],
  }),
}

describe.each(Object.entries(requests))('a file in %s', (_, request) => {
  test.each(['text/csv', 'text/plain; charset=utf-8', 'application/json'])(
    'of %s is looked through, and stays in Base64 (J4)',
    (type) => {
      const { json, counts } = inspectRequest(JSON.stringify(request(type, csv)), inspection)
      expect(JSON.parse(json)).toEqual(request(type, clean))
      expect(counts).toMatchObject([{ kind: 'email', action: 'redact', count: 1 }])
    },
  )

  test('that is no text stays as it is, and it is said what it is', () => {
    const asked = JSON.stringify(request('application/pdf', csv)).replace('/pdf', '\\/PDF')
    const { json, counts } = inspectRequest(asked, inspection)
    expect(json).toBe(asked)
    expect(counts).toMatchObject([{ kind: 'file', detector: 'application/pdf', action: 'deny' }])
  })
})

test.each<readonly [string, object]>([
  ['image/png', { image_url: { url: 'data:image/png;base64,AAAA' } }],
  ['image/png', { type: 'input_image', image_url: 'data:image/png;base64,AAAA' }],
  ['link', { image_url: { url: 'https://example.org/a.png' } }],
  ['link', { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } }],
  ['link', { fileData: { mimeType: 'text/csv', fileUri: 'gs://bucket/a.csv' } }],
  ['link', { type: 'input_file', file_url: 'https://example.org/a.pdf' }],
  ['stored', { content: [{ type: 'input_file', file_id: 'file-1' }] }],
  ['stored', { type: 'document', source: { type: 'file', file_id: 'file_1' } }],
  ['audio/wav', { input_audio: { data: 'AAAA', format: 'wav' } }],
  ['text/csv', { inlineData: { mimeType: 'text/csv', data: '/////w==' } }], // no UTF-8
  ['of no said type', { file: { file_data: 'AAAA' } }],
  ['text/plain', { image_url: { url: 'data:text/plain,of%20no%20Base64' } }],
  ['of no said type', { image_url: { url: 'data:,of%20no%20Base64' } }],
  ['of no said type', { inlineData: { mimeType: `a/b"${'c'.repeat(99)}`, data: 'AAAA' } }],
])('%s is what cannot be looked through in %j', (what, part) => {
  const json = JSON.stringify({ parts: [part] })
  expect(inspectRequest(json, inspection).counts).toMatchObject([{ kind: 'file', detector: what }])
  const unasked = guardSpec.parse({ detect: ['email'] })
  const plan = wantedPlan(unasked, 'input')
  expect(inspectRequest(json, { ...inspection, plan }).counts).toEqual([])
})

test.each<object>([
  { annotations: [{ type: 'file_citation', file_id: 'file-1' }] },
  { annotations: [{ type: 'url_citation', url_citation: { url: 'https://example.org' } }] },
  { content: [{ type: 'web_search_result', url: 'https://example.org' }] },
  { tools: [{ type: 'mcp', server_url: 'https://example.org', url: 'https://example.org' }] },
  { type: 'tool_use', input: { data: 'AAAA', image_url: 'https://example.org', file_id: 'a' } },
])('what is cited, or a tool is given, is no file: %j', (part) => {
  expect(inspectRequest(JSON.stringify({ parts: [part] }), inspection).counts).toEqual([])
})

test('lines, and the letters of addresses, are Base64 as well', () => {
  const text = 'ÿ?>~ ada@example.org ÿ?>~ÿÿÿ'
  const loose = base64(text).replaceAll('+', '-').replaceAll('/', '_').replace(/.{8}/g, '$&\r\n')
  expect(loose).toMatch(/[-_]/)
  const request = { inlineData: { mimeType: 'text/plain', data: loose } }
  const { json } = inspectRequest(JSON.stringify(request), inspection)
  const said = Buffer.from(JSON.parse(json).inlineData.data, 'base64').toString()
  expect(said).toBe('ÿ?>~ [EMAIL_1] ÿ?>~ÿÿÿ')
})

test('no placeholder is one that a file says, or that is written with escapes (D2)', () => {
  const data = base64('[EMAIL_1]')
  const file = { inlineData: { mimeType: 'text/plain', data } }
  const said = JSON.stringify([file, 'MARK', 'ada@example.org']).replace('MARK', '\\u005bEMAIL_2]')
  const [, , email] = JSON.parse(inspectRequest(said, inspection).json)
  expect(email).toBe('[EMAIL_3]')
})

test('an address of data that never come takes as long as it is, not its square', () => {
  for (const filler of ['a', ';a', 'data:', ' ']) {
    const image_url = `data:${filler.repeat(2e6)}`
    const { counts } = inspectRequest(JSON.stringify({ image_url }), inspection)
    expect(counts).toMatchObject([{ kind: 'file', detector: 'of no said type' }])
  }
})
