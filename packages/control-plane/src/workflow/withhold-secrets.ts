// Withhold secrets
//
// What a step says of what it sent or why it failed goes into the journal, and from there to whoever may read the run. The project's
// secrets do not: their values are taken out of errors, also where a callee repeats them, and out of a request that is shown.

import type { Json } from '@tutti/core/resource'
import type { WorkflowError } from '@tutti/core/workflow'
import { ActFailed } from './act.ts'
import { EngineBusy } from './engine-busy.ts'
import type { EnginePorts } from './engine-ports.ts'
import { Later } from './later.ts'

const lengthMin = 6 // shorter values are words that stand everywhere
const instead = '***'

export function withholding(
  act: EnginePorts['act'],
  secretsOf: (project: string) => Promise<Readonly<Record<string, Json>>>,
): EnginePorts['act'] {
  return async (step, context) => {
    const { project } = context.head
    try {
      const output = await act(step, context)
      return showsRequest(step.action) ? hideRequest(output, await secretsOf(project)) : output
    } catch (error) {
      if (error instanceof Later || error instanceof EngineBusy) throw error
      if (error instanceof ActFailed) {
        const hide = hider(await secretsOf(project))
        throw new ActFailed(hideIn(error.error, hide))
      }
      if (error instanceof Error)
        error.message = String(hider(await secretsOf(project))(error.message))
      throw error
    }
  }
}

type Action = Parameters<EnginePorts['act']>[0]['action']

/** `output: response` of a call over HTTP gives the request, too. */
function showsRequest(action: Action): boolean {
  if (action.type !== 'call') return false
  const { output } = { ...Object(action.arguments) }
  return output === 'response'
}

function hideRequest(output: Json, secrets: Readonly<Record<string, Json>>): Json {
  if (typeof output !== 'object' || output === null || Array.isArray(output)) return output
  const { request = null } = { ...output } as Readonly<Record<string, Json>>
  return { ...output, request: hider(secrets)(request) }
}

function hideIn(error: WorkflowError, hide: (value: Json) => Json): WorkflowError {
  const texts = Object.entries({ title: error.title, detail: error.detail })
  const hidden = texts.flatMap(([name, text]) =>
    text === undefined ? [] : [[name, String(hide(text))] as const],
  )
  return { ...error, ...Object.fromEntries(hidden) }
}

/** Replaces the values, as they are and as they stand in an address, wherever they are. */
function hider(secrets: Readonly<Record<string, Json>>): (value: Json) => Json {
  const values = textsIn(Object.values(secrets)).filter(({ length }) => length >= lengthMin)
  const forms = values.flatMap((text) => [text, encodeURIComponent(text), formOf(text)])
  const known = [...new Set(forms)].sort((a, b) => b.length - a.length)
  const hide = (value: Json): Json => {
    if (typeof value === 'string') {
      return known.reduce((text, secret) => text.replaceAll(secret, instead), value)
    }
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map(hide)
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, hide(part)]))
  }
  return hide
}

/** As a query has it: `+` for a space. */
function formOf(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}

function textsIn(value: Json): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(textsIn)
}
