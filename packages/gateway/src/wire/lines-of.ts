// Lines of
//
// The lines of a text as it comes, without their ends. A long one that comes in many pieces is put together once: what
// is looked through again with each of them takes a minute for some megabytes.

const lineLengthMax = 64 * 2 ** 20 // the snapshot of 100,000 endpoints

export async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder()
  let begun: string[] = [] // the pieces of the line that has no end yet
  let length = 0
  for await (const chunk of body) {
    const lines = decoder.decode(chunk, { stream: true }).split('\n')
    const rest = lines.pop() ?? ''
    for (const line of lines) {
      yield begun.join('') + line
      ;[begun, length] = [[], 0]
    }
    begun.push(rest)
    length += rest.length
    if (length > lineLengthMax) throw new Error(`a line is longer than ${lineLengthMax}`)
  }
}
