// Reference of
//
// Where a step's task stands in the document: its key without turns, visits and attempts.

export function referenceOf(key: string): string {
  return key.replace(/[#@~!][^/]*/g, '')
}
