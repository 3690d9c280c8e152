// Prompt blocks
//
// The hashes of a request's beginnings, block by block of its bytes: bodies that begin alike have the same first
// hashes, whatever their tokenizer. FNV-1a over words of four bytes, in two lanes, together as many bits as a number
// holds exactly.

const blockBytes = 2_048 // some 512 tokens, as engines cache them
const blocksMax = 4_096 // eight megabytes; what comes later has no say in routing

export function promptBlocks(body: Buffer): Float64Array {
  const count = Math.min(blocksMax, Math.floor(body.length / blockBytes))
  const hashes = new Float64Array(count)
  let low = 0x811c9dc5
  let high = 0x1b873593
  for (let block = 0; block < count; block++) {
    const end = (block + 1) * blockBytes
    for (let at = block * blockBytes; at < end; at += 4) {
      const word = body.readInt32LE(at)
      low = Math.imul(low ^ word, 0x01000193)
      high = Math.imul(high ^ (word >>> 7) ^ (word << 25), 0x85ebca6b)
    }
    hashes[block] = (high >>> 11) * 2 ** 32 + (low >>> 0)
  }
  return hashes
}
