// Check nesting
//
// Whether a policy is nested so far that Cedar may run out of its stack, for which it has no bound of its own: brackets in
// brackets, an `if` in the `else` of another, and what is joined in a row, where each holds all before it. The three bounds
// leave room for each other: at all of them together it takes five sixths of that stack.

const bracketsMax = 32 // levels; Cedar fails with 150
const choicesMax = 100 // `if` in a policy; it fails with 400
/** `&&`, `||`, `+`, `-`, `*`, `when` and `unless` in a policy; it fails with 400. */
const jointsMax = 150

/** Why it is not taken; null where it is. */
export function whyNestedTooDeep(text: string): string | null {
  let [depth, choices, joints] = [0, 0, 0]
  for (const [part] of text.matchAll(partForm)) {
    if (part.startsWith('"') || part.startsWith('//')) continue
    if (part === ';') [choices, joints] = [0, 0]
    else if (part === 'if') choices += 1
    else if ('([{'.includes(part)) depth += 1
    else if (')]}'.includes(part)) depth -= 1
    else joints += 1
    if (depth > bracketsMax) return `nested more than ${bracketsMax} brackets deep: say it flatter`
    if (choices > choicesMax) return `more than ${choicesMax} \`if\` in a policy: make it several`
    if (joints > jointsMax) {
      return `more than ${jointsMax} conditions joined in a policy: make it several, or use a set`
    }
  }
  return null
}

/** Texts and comments, in which all else is none; brackets; ends of policies; choices; joints. */
const partForm = /"(?:[^"\\]|\\.)*"?|\/\/[^\n]*|[()[\]{};*+-]|\b(?:if|when|unless)\b|&&|\|\|/gs
