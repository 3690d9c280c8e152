// Asker of
//
// Who asks for what, as far as a route's rules want to know: read at the first question.

import { type RequestFacts, readFacts } from '@tutti/core/routing'
import type { Asker } from '../routing/index.ts'
import type { ChatAsked } from './chat-body.ts'
import type { Exchange } from './exchange.ts'

const noFacts = readFacts({}, { dialect: 'openai', path: '' })
// What authenticates is nobody's to route by.
const secretHeaders = new Set(['authorization', 'x-api-key', 'x-goog-api-key', 'cookie'])

export function askerOf(
  { request, key, dialect, requestId }: Exchange,
  asked: { readonly name: string; readonly mayStream: boolean; readonly chat: ChatAsked | null },
): Asker {
  let facts: RequestFacts | null = null // read once
  return {
    key,
    requestId,
    dialect,
    model: asked.name,
    stream: asked.mayStream,
    facts: () => {
      facts ??= asked.chat === null ? noFacts : readFacts(asked.chat.whole(), asked.chat)
      return facts
    },
    header: (name) => (secretHeaders.has(name) ? '' : textOf(request.headers[name])),
    headers: () =>
      Object.fromEntries(
        Object.entries(request.headers)
          .filter(([name]) => !secretHeaders.has(name))
          .map(([name, value]) => [name, textOf(value)]),
      ),
  }
}

function textOf(value: string | readonly string[] | undefined): string {
  return typeof value === 'string' ? value : (value?.join(', ') ?? '')
}
