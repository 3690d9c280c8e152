// Support chats
//
// The stand-in's rules for the customer support: what a small language model would say, word for word each time.

import type { Messages, Reply, SiteParts } from '../site.ts'

export const supportChats: NonNullable<SiteParts['chats']> = {
  intents: (messages) => {
    const text = lastOf(messages).toLowerCase()
    const intent = text.includes('refund') ? 'refund' : text.includes('where') ? 'track' : 'other'
    return say({ intent, order: /\d+/.exec(text)?.[0] ?? 'none' })
  },
  helper: (messages) => {
    const order = /order (\w+)/.exec(messages.find(({ role }) => role === 'user')?.content ?? '')
    const told = messages.find(({ role }) => role === 'tool')?.content
    if (told == null) return { call: 'history', arguments: { order: order?.[1] ?? 'none' } }
    const isKnown = told.includes('"status"')
    const reply = isKnown
      ? `Your order is ${/"status":"(\w+)"/.exec(told)?.[1]}.`
      : 'I do not know.'
    return say({ reply, isSure: isKnown && !lastOf(messages.slice(0, 2)).includes('refund') })
  },
}

/** What other systems know. */
export const supportPages = { '/orders/71': { order: '71', status: 'shipped' } }

function lastOf(messages: Messages): string {
  return messages.at(-1)?.content ?? ''
}

function say(answer: object): Reply {
  return { content: JSON.stringify(answer) }
}
