// Perform process
//
// `run: script`, `shell` and `container`: handed to nodes, whose word is the step's outcome. A script's source is fetched here, so that a node
// needs to reach nothing.

import type { Json } from '@tutti/core/resource'
import {
  type Action,
  scriptLanguageOf,
  scriptRefused,
  standardError,
  whyNoContainer,
} from '@tutti/core/workflow'
import { z } from 'zod'
import type { Sql } from '../store/index.ts'
import { type ActContext, ActFailed } from './act.ts'
import type { Caller } from './caller.ts'
import { Later } from './later.ts'
import { askProcess, type ProcessRequest } from './processes.ts'

const words = z.array(z.json()).default([])
const environment = z.record(z.string(), z.json()).default({})
const shell = z.looseObject({
  command: z.string(),
  arguments: words,
  environment,
  stdin: z.string().optional(),
})
const script = z.looseObject({
  language: z.string(),
  code: z.string().optional(),
  source: z.looseObject({ endpoint: z.json() }).optional(),
  arguments: words,
  environment,
  stdin: z.string().optional(),
})

const container = z.looseObject({
  image: z
    .string()
    .min(1)
    .max(1_000)
    .regex(/^[^-\s]\S*$/, 'the name of an image'),
  command: z.string().optional(),
  pullPolicy: z.enum(['ifNotPresent', 'always', 'never']).default('ifNotPresent'),
  arguments: words,
  environment,
  stdin: z.string().optional(),
})
const codeMax = 1_048_576 // bytes of a script

type ProcessAction = Extract<Action, { type: 'process' }>

export async function performProcess(
  { sql, nowMs }: { readonly sql: Sql; readonly nowMs: () => number },
  { action, key }: { readonly action: ProcessAction; readonly key: string },
  { head: run, signal }: ActContext,
  caller: Caller,
): Promise<Json> {
  const { isAwaited, returns } = action
  const asked = { run, key, isAwaited, returns, ...(await requestOf(action, caller)) }
  await askProcess(sql, asked, nowMs(), signal)
  if (isAwaited) throw new Later()
  return null
}

async function requestOf(
  { process, arguments: given }: ProcessAction,
  caller: Caller,
): Promise<Pick<ProcessRequest, 'kind' | 'language' | 'body'>> {
  if (process === 'container') {
    const { image, command = '', pullPolicy: pull, ...more } = parsed(container, given)
    const wrong = whyNoContainer({ ...Object(given) })
    if (wrong !== null) throw refuse(wrong)
    const body = { text: command, ...inputsOf(more), container: { image, pull } }
    return { kind: 'container', language: null, body }
  }
  if (process === 'shell') {
    const { command, ...more } = parsed(shell, given)
    return { kind: 'shell', language: null, body: { text: command, ...inputsOf(more) } }
  }
  const { language: name, code, source, ...more } = parsed(script, given)
  const language = scriptLanguageOf(name)
  if (language === null) throw refuse(scriptRefused(name))
  const text = code ?? (await fetchSource(source?.endpoint ?? null, caller))
  return { kind: 'script', language, body: { text, ...inputsOf(more) } }
}

function inputsOf(of: {
  readonly arguments: readonly Json[]
  readonly environment: Readonly<Record<string, Json>>
  readonly stdin?: string | undefined
}) {
  const pairs = Object.entries(of.environment).map(([name, value]) => [name, textOf(value)])
  return {
    arguments: of.arguments.map(textOf),
    environment: Object.fromEntries(pairs),
    stdin: of.stdin ?? null,
  }
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

async function fetchSource(endpoint: Json, caller: Caller): Promise<string> {
  const uri =
    typeof endpoint === 'object' && endpoint !== null && 'uri' in endpoint ? endpoint.uri : endpoint
  if (typeof uri !== 'string') throw refuse('the script has neither code nor a source')
  const request = { method: 'GET', url: uri, headers: {}, body: null, signal: caller.signal }
  const { status, body } = await caller.egress(request)
  if (status !== 200) throw refuse(`${uri} answered ${status}`)
  if (body.length > codeMax) throw refuse(`${uri} has more than ${codeMax} bytes`)
  return body.toString('utf8')
}

function parsed<Form extends z.ZodType>(form: Form, given: Json): z.infer<Form> {
  const result = form.safeParse(given)
  if (result.success) return result.data
  throw refuse(`the process is not complete: ${result.error.message}`)
}

function refuse(detail: string): ActFailed {
  return new ActFailed(standardError('configuration', detail))
}
