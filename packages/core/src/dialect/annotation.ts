// Annotation
//
// A citation as OpenAI's dialects write it, and as Anthropic's does.

import type { Citation } from './chat.ts'
import { textEnd, within } from './cited-text.ts'
import { countOf, type JsonObject, listOf, objectOf, textOf } from './json.ts'
import { carriedMark } from './signature.ts'

const everything = { start: 0, end: textEnd } as const

/** What a text cites; chat completions have the members of a citation in one of their own. */
export function readAnnotations(annotations: unknown, text: string) {
  const citations = listOf(annotations).flatMap((one) => readAnnotation(one) ?? [])
  return citations.length === 0 ? {} : { citations: within(citations, text) }
}

/** Null for what is none. */
export function readAnnotation(value: unknown): Citation | null {
  const annotation = objectOf(value)
  const { type } = annotation
  if (type === 'url_citation') {
    const { url, title, start_index, end_index } = objectOf(annotation['url_citation'] ?? value)
    const span = { start: countOf(start_index), end: countOf(end_index) }
    return { url: textOf(url), title: textOf(title), ...span }
  }
  if (type !== 'file_citation' && type !== 'container_file_citation' && type !== 'file_path') {
    return null
  }
  const { file_id, filename, start_index, end_index } = annotation
  const span = { start: countOf(start_index), end: countOf(end_index) }
  const file = { title: textOf(filename), fileId: textOf(file_id) }
  return { ...file, ...(start_index === undefined ? everything : span) }
}

/** Of chat completions, which cite pages alone. */
export function writeUrlCitations(citations: readonly Citation[]): object[] {
  return citations.flatMap(({ url, title, start, end }) => {
    const about = { start_index: start, end_index: end, url, title }
    return url === undefined ? [] : [{ type: 'url_citation', url_citation: about }]
  })
}

/** Of a text of the Responses API. */
export function writeAnnotation({ url, title, fileId = '', start, end }: Citation): object {
  return url === undefined
    ? { type: 'file_citation', file_id: fileId, index: 0, filename: title }
    : { type: 'url_citation', url, title, start_index: start, end_index: end }
}

/** Of Anthropic's text blocks, about which it is as a whole. */
export function readBlockCitation(value: unknown): Citation {
  const { url, source, title, document_title, cited_text, file_id } = objectOf(value)
  const [quote, fileId] = [textOf(cited_text), textOf(file_id)]
  return {
    ...sourceOf(textOf(url) || textOf(source), textOf(title) || textOf(document_title)),
    ...(quote === '' ? {} : { quote }),
    ...(fileId === '' ? {} : { fileId }),
    ...everything,
  }
}

/** What is no address names a document. */
export function sourceOf(source: string, title: string): Pick<Citation, 'url' | 'title'> {
  return /^[a-z][\w+.-]*:/i.test(source) ? { url: source, title } : { title: title || source }
}

export function writeBlockCitation({ url, title, quote = '', fileId }: Citation): JsonObject {
  if (url !== undefined) {
    const about = { cited_text: quote, title, url, encrypted_index: carriedMark }
    return { type: 'web_search_result_location', ...about }
  }
  return {
    ...{ type: 'char_location', cited_text: quote, document_title: title, file_id: fileId ?? null },
    ...{ document_index: 0, start_char_index: 0, end_char_index: 0 },
  }
}
