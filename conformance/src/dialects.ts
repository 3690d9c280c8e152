// Conformance: dialects
//
// Every chat dialect in, every chat dialect out, whole and streamed: what the engine sees is what was asked, what the
// caller gets is what the engine said, and what cannot be said is refused by its field.

import { isDeepStrictEqual } from 'node:util'
import { type DialectBed, startDialectBed } from './dialect-bed.ts'
import { type Score, Scoring } from './score.ts'
import { dialectNames, engineNames, type Script, wires } from './scripted-engine.ts'
import { nextTurn } from './wire/next-turn.ts'
import {
  type Ask,
  type DialectName,
  type EngineName,
  type Json,
  parameters,
  type Said,
} from './wire/wire-dialect.ts'

const usage = { input: 30, output: 12, cached: 8, reasoning: 5 }
export const plain: Said = { text: 'Hello, wörld 😀', calls: [], stop: 'stop', usage }
const calling: Said = {
  text: 'I look.',
  calls: [
    { id: 'call_1', name: 'weather', args: { city: 'Köln' } },
    { id: 'call_2', name: 'time', args: { city: 'Oslo' } },
  ],
  stop: 'calls',
  usage,
}
const ask: Ask = {
  system: 'Be brief.',
  turns: [{ role: 'user', text: 'Hi' }],
  tools: [],
  mustCall: false,
  schema: null,
  maxTokens: 77,
  temperature: 0.5,
  stream: false,
}
const talk: Ask = {
  ...ask,
  turns: [
    { role: 'user', text: 'Look', image: 'iVBORw0KGgo=' },
    { role: 'assistant', text: 'A dot.' },
    { role: 'user', text: 'And the weather?', pdf: 'JVBERi0xLjc=' },
    { role: 'assistant', text: 'I look.', calls: calling.calls },
    {
      ...{ role: 'user', text: '' },
      results: [
        { id: 'call_1', text: 'rain' },
        { id: 'call_2', text: 'noon' },
      ],
    },
  ],
  tools: ['weather', 'time'],
}
export const scenes: Readonly<Record<string, { readonly ask: Ask; readonly script: Script }>> = {
  text: { ask, script: plain },
  'turns, image, PDF, results of tools': { ask: talk, script: plain },
  'parallel calls': {
    ...{ ask: { ...ask, tools: ['weather', 'time'], mustCall: true }, script: calling },
  },
  schema: { ask: { ...ask, schema: parameters }, script: { ...plain, text: '{"city":"Köln"}' } },
  'cut at its length': { ask, script: { ...plain, stop: 'length' } },
  'a source': { ask, script: { ...plain, cited: { url: 'https://a.example/x', title: 'A' } } },
  'stopped by a filter': { ask, script: { ...plain, stop: 'filtered' } },
  'an error': { ask, script: { status: 400, message: 'the engine does not like it' } },
}

export async function dialects(): Promise<Score> {
  const bed = await startDialectBed()
  const scoring = new Scoring()
  try {
    for (const from of dialectNames) {
      for (const to of engineNames) {
        for (const [what, scene] of Object.entries(scenes)) {
          for (const stream of [false, true]) {
            const place = `${from} to ${to}, ${what}, ${stream ? 'streamed' : 'whole'}`
            const why = await play(bed, { from, to, stream, ...scene })
            scoring.check(why === null, `${place}: ${why}`)
          }
        }
      }
    }
    for (const from of dialectNames) {
      for (const to of engineNames) {
        for (const stream of [false, true]) {
          const why = await comesBack(bed, { from, to, stream, ...signing })
          scoring.check(why === null, `${from} to ${to}, signed, streamed ${stream}: ${why}`)
        }
      }
    }
    for (const from of dialectNames) {
      for (const to of engineNames.filter((name) => name !== from)) {
        for (const stream of [false, true]) {
          const why = await passesForGood(bed, { from, to, stream, ask, script: odd })
          scoring.check(why === null, `${from} to ${to}, an odd end, streamed ${stream}: ${why}`)
        }
      }
    }
    for (const one of refusals) scoring.check(await isRefused(bed, one), `${one.field} is refused`)
    return scoring.score
  } finally {
    await bed.stop()
  }
}

const signing = {
  ask: { ...ask, tools: ['weather', 'time'] },
  script: { ...calling, signature: 'Sig+na/ture==' },
}
// What these sign has no place in chat completions, and is not asked for there.
const unsaid: readonly EngineName[] = ['openai-responses', 'anthropic', 'bedrock']

/** Whether an engine gets back what it signed once the tools have answered; null where it does. */
async function comesBack(bed: DialectBed, scene: Scene): Promise<string | null> {
  const { from, to, stream, ask, script } = scene
  const model = bed.modelOf(to)
  const path = wires[from].path(model, stream)
  bed.engine.script = script
  const asked = wires[from].write({ ...ask, stream }, model)
  const text = await (await post(bed, path, asked)).text()
  const got = stream ? datasOf(text) : [JSON.parse(text)]
  const next = await post(bed, path, nextTurn(from, asked, got))
  const seen = bed.engine.seen?.body ?? ''
  const isTold = seen.includes(JSON.stringify(signing.script.signature))
  const isRight = isTold !== (from === 'openai' && unsaid.includes(to))
  return next.status === 200 && isRight ? null : `${await next.text()} ${seen}`
}

const odd: Said = { ...plain, stop: 'odd' }

/** What the caller got where an end that its dialect does not know passes for a good one. */
async function passesForGood(bed: DialectBed, scene: Scene): Promise<string | null> {
  const { from, to, stream, ask, script } = scene
  bed.engine.script = script
  const model = bed.modelOf(to)
  const body = wires[from].write({ ...ask, stream }, model)
  try {
    const answer = await post(bed, wires[from].path(model, stream), body)
    const text = await answer.text()
    return answer.status === 200 ? text : null
  } catch {
    return null // cut, as a stream that broke off is
  }
}

interface Scene {
  readonly from: DialectName
  readonly to: EngineName
  readonly stream: boolean
  readonly ask: Ask
  readonly script: Script
}

/** What does not hold; null where all does. */
async function play(bed: DialectBed, scene: Scene): Promise<string | null> {
  const { from, to, stream, script } = scene
  const asked = { ...scene.ask, stream }
  bed.engine.script = script
  bed.engine.seen = null
  const model = bed.modelOf(to)
  const answer = await post(bed, wires[from].path(model, stream), wires[from].write(asked, model))
  const text = await answer.text()
  const seen = bed.engine.seen as DialectBed['engine']['seen']
  if (seen === null || !isDeepStrictEqual(numbered(seen.ask()), heard(asked, from, to))) {
    return `asked ${JSON.stringify(asked)}, the engine saw ${seen?.body}, ${text}`
  }
  if ('status' in script) {
    const said = wires[from].readError(JSON.parse(text))
    return answer.status === script.status && said.includes(script.message) ? null : text
  }
  if (answer.status !== 200) return `${answer.status} ${text}`
  const got = stream ? wires[from].readFrames(datasOf(text)) : wires[from].read(JSON.parse(text))
  const wanted = expected(script, from, to)
  if (isDeepStrictEqual(got, wanted)) return null
  return `said ${JSON.stringify(wanted)}, the caller got ${JSON.stringify(got)}`
}

/** Anthropic and Bedrock refuse a schema whose objects are open: they are told closed ones. */
function heard(asked: Ask, from: DialectName, to: EngineName): Ask {
  const isAsItCame = from === to || !['anthropic', 'bedrock'].includes(to)
  if (asked.schema === null || isAsItCame) return asked
  return { ...asked, schema: { ...asked.schema, additionalProperties: false } }
}

/**
 * The ids of calls are the caller's, or anybody's where its dialect has none: only who answers
 * whom counts.
 */
function numbered(ask: Ask): Ask {
  const ids = ask.turns.flatMap(({ calls }) => (calls ?? []).map(({ id }) => id))
  const rename = <T extends { readonly id: string }>(one: T): T => ({
    ...{ ...one, id: `call_${ids.indexOf(one.id) + 1}` },
  })
  const turns = ask.turns.map((turn) => ({
    ...turn,
    ...(turn.calls === undefined ? {} : { calls: turn.calls.map(rename) }),
    ...(turn.results === undefined ? {} : { results: turn.results.map(rename) }),
  }))
  return { ...ask, turns }
}

/** Anthropic and Bedrock tell no reasoning tokens: then there are none to tell on either side. */
function expected(said: Said, from: DialectName, to: EngineName): Said {
  const isUntold = to === 'anthropic' || to === 'bedrock'
  const reasoning = from === 'anthropic' ? -1 : isUntold ? 0 : said.usage.reasoning
  const cited = said.cited === undefined ? {} : { cited: { ...said.cited, words: said.text } }
  return { ...said, ...cited, usage: { ...said.usage, reasoning } }
}

export function datasOf(text: string): Json[] {
  return [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data ?? ''))
}

export function post(bed: DialectBed, path: string, body: object): Promise<Response> {
  return fetch(bed.fleet.gateway + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${bed.fleet.key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

interface Refused {
  readonly from: DialectName
  readonly to: EngineName
  readonly more: object
  readonly field: string
}

const refusals: readonly Refused[] = [
  { from: 'openai', to: 'anthropic', more: { logit_bias: { 1: 1 } }, field: 'logit_bias' },
  { from: 'openai', to: 'anthropic', more: { seed: 7 }, field: 'seed' },
  { from: 'openai', to: 'openai-responses', more: { stop: ['x'] }, field: 'stop' },
  { from: 'openai', to: 'gemini', more: { n: 2 }, field: 'n' },
  { from: 'openai', to: 'bedrock', more: { seed: 7 }, field: 'seed' },
  { from: 'anthropic', to: 'bedrock', more: { top_k: 4 }, field: 'top_k' },
  {
    from: 'openai-responses',
    to: 'openai',
    more: { previous_response_id: 'r' },
    field: 'previous_response_id',
  },
  { from: 'openai-responses', to: 'anthropic', more: { background: true }, field: 'background' },
  { from: 'anthropic', to: 'openai', more: { top_k: 4 }, field: 'top_k' },
  { from: 'anthropic', to: 'gemini', more: { mcp_servers: [{}] }, field: 'mcp_servers' },
  { from: 'gemini', to: 'openai', more: { safetySettings: [{}] }, field: 'safetySettings[0]' },
  { from: 'gemini', to: 'anthropic', more: { cachedContent: 'x' }, field: 'cachedContent' },
]

async function isRefused(bed: DialectBed, { from, to, more, field }: Refused): Promise<boolean> {
  const model = bed.modelOf(to)
  bed.engine.seen = null
  const body = { ...wires[from].write(ask, model), ...more }
  const answer = await post(bed, wires[from].path(model, false), body)
  const message = wires[from].readError(await answer.json())
  return answer.status === 400 && message.startsWith(`${field}:`) && bed.engine.seen === null
}
