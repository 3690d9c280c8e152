// Chat call
//
// One call of a chat model by a plain client, and what a reader of its answer would take it for: whole, or an error.

import type { Dialect } from './fault-server.ts'

export interface ChatResult {
  /** `complete` only where the dialect's own marks of an end are there. */
  readonly kind: 'complete' | 'error' | 'truncated'
  readonly status: number
  readonly text: string
  readonly model: string
  readonly outputTokens: number
  readonly error: string
  readonly tookMs: number
}

export async function callChat(
  target: { readonly url: string; readonly key: string; readonly model: string },
  dialect: Dialect,
  stream: boolean,
): Promise<ChatResult> {
  const startMs = performance.now()
  const body = {
    ...{ model: target.model, stream, messages: [{ role: 'user', content: 'say sixty tokens' }] },
    ...(dialect === 'openai' && stream ? { stream_options: { include_usage: true } } : {}),
    ...(dialect === 'anthropic' ? { max_tokens: 100 } : {}),
  }
  const path = dialect === 'openai' ? '/v1/chat/completions' : '/v1/messages'
  const answer = await fetch(target.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${target.key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const { text, isCut } = await drain(answer)
  const isStream = (answer.headers.get('content-type') ?? '').startsWith('text/event-stream')
  const read = isStream ? readStream(dialect, text) : readWhole(dialect, text)
  const tookMs = performance.now() - startMs
  const isComplete = answer.status === 200 && !isCut && read.isComplete && read.error === ''
  const isError = answer.status >= 400 || read.error !== '' || isCut
  const kind = isComplete ? 'complete' : isError ? 'error' : 'truncated'
  return { ...read, kind, status: answer.status, tookMs }
}

async function drain(answer: Response): Promise<{ text: string; isCut: boolean }> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const chunk of answer.body ?? []) text += decoder.decode(chunk, { stream: true })
    return { text, isCut: false }
  } catch {
    return { text, isCut: true }
  }
}

interface Read {
  readonly isComplete: boolean
  readonly text: string
  readonly model: string
  readonly outputTokens: number
  readonly error: string
}

/** What the judge reads of either dialect's objects. */
interface Wire {
  readonly model?: string
  readonly message?: { readonly model?: string }
  readonly error?: { readonly message?: string }
  readonly type?: string
  readonly usage?: { readonly completion_tokens?: number; readonly output_tokens?: number }
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string }
    readonly message?: { readonly content?: string }
    readonly finish_reason?: string | null
  }[]
  readonly delta?: { readonly text?: string; readonly stop_reason?: string }
  readonly content?: readonly { readonly text?: string }[]
  readonly stop_reason?: string | null
}

function readWhole(dialect: Dialect, body: string): Read {
  const parsed = parse(body)
  if (parsed === null) return { ...nothing, error: body.slice(0, 80) }
  const { usage, error } = parsed
  const choice = parsed.choices?.[0]
  const isOpenai = dialect === 'openai'
  return {
    isComplete: (isOpenai ? choice?.finish_reason : parsed.stop_reason) !== undefined,
    text: (isOpenai ? choice?.message?.content : parsed.content?.[0]?.text) ?? '',
    model: parsed.model ?? '',
    outputTokens: usage?.completion_tokens ?? usage?.output_tokens ?? 0,
    error: error?.message ?? '',
  }
}

const nothing: Read = { isComplete: false, text: '', model: '', outputTokens: 0, error: '' }

function readStream(dialect: Dialect, body: string): Read {
  let read = nothing
  let hasStopped = false
  for (const [, data = ''] of body.matchAll(/^data: (.*)$/gm)) {
    if (data === '[DONE]') {
      read = { ...read, isComplete: hasStopped }
      continue
    }
    const event = parse(data)
    if (event === null) return { ...read, text: `${read.text}GARBAGE ${data}` }
    const choice = event.choices?.[0]
    if ((choice?.finish_reason ?? event.delta?.stop_reason ?? null) !== null) hasStopped = true
    read = {
      isComplete: dialect === 'anthropic' && event.type === 'message_stop' && hasStopped,
      text: read.text + (choice?.delta?.content ?? event.delta?.text ?? ''),
      model: event.model ?? event.message?.model ?? read.model,
      outputTokens:
        event.usage?.completion_tokens ?? event.usage?.output_tokens ?? read.outputTokens,
      error: event.error?.message ?? read.error,
    }
  }
  return read
}

function parse(text: string): Wire | null {
  try {
    return JSON.parse(text)
  } catch {
    return null // the caller says what that means
  }
}
