// Parse JSON
//
// JSON.parse, and right. V8 13, of Node 24 and 26, guesses the next name of an object from objects it has read before, and
// compares only as many characters of what is written as the name has: once some object had the name `message\`, it reads
// `"message\u0073"` as that. So what a guard or a Budget does not see here, a provider would read as `messages`.
//
// Invariants:
//   N1. What is read is what is written, whatever was read before, but for names that cannot be written without an escape:
//       with a quote, a backslash, a control character or half a character in them. Nobody looks for such a name.
//   N2. What JSON.parse does not take is not taken.

/** The value of a JSON text. Throws what JSON.parse throws. */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  return misreads ? readAgain(text, value) : value
}

function readAgain(text: string, value: unknown): unknown {
  const plain = withPlainNames(text)
  return plain === text ? value : JSON.parse(plain)
}

/** True where it has a name that this engine may read as another one: one that needs an escape. */
export function mayMisreadName(text: string): boolean {
  return misreads && nextEscaped(withPlainNames(text), 0) !== null
}

/** The same text, whose names have no escapes but those that they need. */
export function withPlainNames(text: string): string {
  let plain = ''
  let done = 0
  for (let name = nextEscaped(text, 0); name !== null; name = nextEscaped(text, name.colon + 1)) {
    plain += text.slice(done, name.start) + plainName(text.slice(name.start, name.end))
    done = name.end
  }
  return done === 0 ? text : plain + text.slice(done)
}

interface Name {
  readonly start: number
  /** Behind its last quote. */
  readonly end: number
  readonly colon: number
}

/** The first name from there on that is written with an escape. */
function nextEscaped(text: string, from: number): Name | null {
  if (!text.includes('\\', from)) return null
  for (let colon = text.indexOf(':', from); colon !== -1; colon = text.indexOf(':', colon + 1)) {
    const last = nameEnd(text, colon)
    if (last === null) continue
    // Of a text that begins with a colon it is what stands before that text, which has no backslash.
    const start = quoteBefore(text, last)
    const end = last + 1
    if (text.slice(start, end).includes('\\')) return { start, end, colon }
  }
  return null
}

/** The quote that a colon stands behind, if it does. */
function nameEnd(text: string, colon: number): number | null {
  let at = colon - 1
  while (text.charCodeAt(at) <= 0x20) at -= 1
  return text[at] === '"' && !isEscaped(text, at) ? at : null
}

function quoteBefore(text: string, end: number): number {
  let at = text.lastIndexOf('"', end - 1)
  while (isEscaped(text, at)) at = text.lastIndexOf('"', at - 1)
  return at
}

function isEscaped(text: string, at: number): boolean {
  let from = at
  while (text[from - 1] === '\\') from -= 1
  return (at - from) % 2 === 1
}

function plainName(written: string): string {
  return JSON.stringify(JSON.parse(written))
}

/** Whether this engine does: it guesses from what has been read in the same place. */
function isMisreading(): boolean {
  return ['a', 'b', 'c'].some((name) => {
    const place = `{"tutti of parse-json ${name}":0,`
    const known: unknown = JSON.parse(`${place}"\\\\":0}`)
    const read: unknown = JSON.parse(`${place}"\\u006e":0}`)
    return [known, read].some((one, i) => Object.keys(Object(one))[1] !== ['\\', 'n'][i])
  })
}

const misreads = isMisreading()
