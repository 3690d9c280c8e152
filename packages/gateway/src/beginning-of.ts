// Beginning of
//
// What somebody answers of whom a word is enough: it is not read on for as long as he says something.

const bytesMax = 4_096 // of an error; what comes behind is for nobody

export async function beginningOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= bytesMax) break
  }
  return Buffer.concat(chunks).subarray(0, bytesMax).toString('utf8')
}
