// Answer texts
//
// What a whole answer says, choice by choice: what is judged as a whole is judged for each of them. One that calls tools
// and says nothing else has no text to be judged.

import { jsonOf, listOf, objectOf, readAnswer } from '@tutti/core/dialect'
import type { Candidate } from '../routing/index.ts'
import type { Asked } from './asked.ts'
import { hasWords } from './guard-request.ts'

/** Where a dialect lists the choices of one answer. */
const choiceLists: Readonly<Record<string, string>> = { openai: 'choices', gemini: 'candidates' }

/** None of an answer that says nothing: a list of numbers, a count. */
export function answerTexts(
  asked: Pick<Asked, 'chat'>,
  { provider }: Pick<Candidate, 'provider'>,
  json: string,
): readonly string[] {
  if (provider === null || !hasWords(asked)) return []
  const answer = objectOf(jsonOf(json))
  if (asked.chat?.path === '/completions') {
    return listOf(answer['choices']).map((one) => String(objectOf(one)['text'] ?? ''))
  }
  const list = choiceLists[provider.dialect] ?? ''
  const choices = listOf(answer[list])
  const each = choices.length < 2 ? [answer] : choices.map((one) => ({ ...answer, [list]: [one] }))
  return each.flatMap((one) => {
    const { parts } = readAnswer(provider.dialect, one)
    const text = parts.map((part) => (part.kind === 'text' ? part.text : '')).join('')
    return text === '' && parts.some(({ kind }) => kind === 'tool-call') ? [] : [text]
  })
}
