// jq tests
//
// jq's own test file (tests/jq.test of github.com/jqlang/jq) as cases: a program, its input and what it gives,
// or `%%FAIL` and a program that must be refused.

export interface JqCase {
  readonly line: number
  readonly program: string
  readonly wanted:
    | { readonly kind: 'refused' }
    | { readonly kind: 'outputs'; readonly input: string; readonly outputs: readonly string[] }
    /** After the outputs an error is raised. */
    | { readonly kind: 'error'; readonly input: string; readonly outputs: readonly string[] }
}

/** Cases are parted by blank lines; lines that start with `#` are comments. */
export function parseJqTests(text: string): readonly JqCase[] {
  const lines = text.split('\n')
  const cases: JqCase[] = []
  let block: { readonly line: number; readonly text: string }[] = []
  for (const [index, line] of [...lines, ''].entries()) {
    if (line.trim() !== '') {
      block.push({ line: index + 1, text: line })
      continue
    }
    const one = caseOf(block)
    if (one !== null) cases.push(one)
    block = []
  }
  return cases
}

function caseOf(block: readonly { readonly line: number; readonly text: string }[]): JqCase | null {
  const isError = block.some(({ text }) => text.startsWith('# Runtime error'))
  const [first, second, ...rest] = block.filter(({ text }) => !text.startsWith('#'))
  if (first === undefined || second === undefined) return null
  if (first.text.startsWith('%%FAIL')) {
    return { line: second.line, program: second.text, wanted: { kind: 'refused' } }
  }
  const outputs = rest.map(({ text }) => text)
  const kind = isError ? 'error' : 'outputs'
  return { line: first.line, program: first.text, wanted: { kind, input: second.text, outputs } }
}
