// OpenAI content
//
// What a message of OpenAI's dialect says, whole or a piece of a stream: a text, as OpenAI writes it; a list in which
// thoughts stand beside texts, as Mistral does; images beside it, as OpenRouter does.

import type { MediaSource } from './chat.ts'
import { type JsonObject, kindName, listOf, objectOf, textOf } from './json.ts'
import { mediaSourceOf } from './merge-messages.ts'

export type OpenaiContent =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'thinking'; readonly text: string }
  | { readonly kind: 'image'; readonly source: MediaSource }
  /** What no other dialect has (`ChatEvent`). */
  | { readonly kind: 'other'; readonly lost: string }

/** Texts may be empty, as in the first piece of a stream. */
export function openaiContent(message: JsonObject, content: unknown): OpenaiContent[] {
  const said: OpenaiContent[] = []
  const thinking = textOf(message['reasoning_content']) || textOf(message['reasoning'])
  if (thinking !== '') said.push({ kind: 'thinking', text: thinking })
  if (typeof content === 'string') said.push({ kind: 'text', text: content })
  for (const part of listOf(content)) said.push(...contentOf(objectOf(part)))
  for (const part of listOf(message['images'])) said.push(...contentOf(objectOf(part)))
  return said
}

function contentOf(part: JsonObject): OpenaiContent[] {
  switch (part['type']) {
    case 'text':
      return [{ kind: 'text', text: textOf(part['text']) }]
    case 'thinking': {
      const texts = listOf(part['thinking']).map((one) => textOf(objectOf(one)['text']))
      return [{ kind: 'thinking', text: texts.join('') }]
    }
    case 'image_url': {
      const { image_url: image } = part
      const url = textOf(image) || textOf(objectOf(image)['url'])
      return [{ kind: 'image', source: mediaSourceOf(url) }]
    }
    case 'reference':
    case 'tool_reference':
      return [] // numbers of sources, which the text names as well
    default:
      return [{ kind: 'other', lost: kindName(part['type']) }]
  }
}
