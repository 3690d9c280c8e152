// Head of
//
// The first members of a JSON object, as far as they are numbers and plain texts, without reading what follows them:
// an event of a stream says in them what it is of, and then what it tells, which may be long.

/** A value as it is written, and where. */
export interface HeadMember {
  readonly text: string
  readonly start: number
  readonly end: number
}

/** The members that are asked for, of those before the first that is neither. */
export function headOf(json: string, names: ReadonlySet<string>): ReadonlyMap<string, HeadMember> {
  const found = new Map<string, HeadMember>()
  let at = behindSpace(json, 0)
  if (json[at] !== '{') return found
  do {
    const name = behindSpace(json, at + 1)
    const colon = behindSpace(json, plainTextEnd(json, name))
    const start = behindSpace(json, colon + 1)
    const end = json[start] === '"' ? plainTextEnd(json, start) : numberEnd(json, start)
    at = behindSpace(json, end)
    const isWhole = json[at] === ',' || json[at] === '}'
    if (json[colon] !== ':' || end <= start || !isWhole) return found
    const own = json
      .slice(name + 1, colon)
      .trimEnd()
      .slice(0, -1)
    if (names.has(own)) found.set(own, { text: json.slice(start, end), start, end })
  } while (json[at] === ',' && found.size < names.size)
  return found
}

function behindSpace(json: string, from: number): number {
  let at = from
  while (json.charCodeAt(at) <= 32) at += 1
  return at
}

/** Where a text without escapes is over, its quotes included; its start where it is none. */
function plainTextEnd(json: string, start: number): number {
  const end = json[start] === '"' ? json.indexOf('"', start + 1) : -1
  return end === -1 || json.slice(start, end).includes('\\') ? start : end + 1
}

function numberEnd(json: string, start: number): number {
  let at = start
  while (isOfNumber(json.charCodeAt(at))) at += 1
  return at
}

/** A digit or a sign. */
function isOfNumber(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 45
}
