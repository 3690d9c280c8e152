// Rewrite frame
//
// A server-sent event with other texts in it. All else of it stays as it came: members that we do not know, too.

import { rewriteJsonTexts, withoutTokens } from './json-texts.ts'
import type { TextChange } from './stream-rewrite.ts'

/**
 * The frame with the changes of its pieces; texts that are no pieces, such as the whole answer that
 * some dialects say again at the end, go through `again`.
 */
export function rewriteFrame(
  frame: string,
  changes: readonly TextChange[],
  again: (text: string) => string,
): string {
  const lines = frame.split(/\r\n|\n|\r/)
  const data = lines.filter((line) => line.startsWith('data:')).map(dataOf)
  const json = data.join('\n')
  if (!json.startsWith('{')) return frame
  const left = [...changes]
  const said = new Map<string, string>()
  const rewritten = rewriteJsonTexts(json, (text) => {
    const place = left.findIndex(({ before }) => before === text)
    const [change] = place === -1 ? [] : left.splice(place, 1)
    // Some engines say a piece under two names: what it became it is there, too.
    const after = change?.after ?? said.get(text) ?? again(text)
    said.set(text, after)
    return after
  })
  if (rewritten === json) return frame
  const others = lines.filter((line) => line !== '' && !line.startsWith('data:'))
  const told = withoutTokens(rewritten).replaceAll('\n', '') // I2 of inspect.ts
  return `${[...others, `data: ${told}`].join('\n')}\n\n`
}

function dataOf(line: string): string {
  return line.slice(line[5] === ' ' ? 6 : 5)
}
