// Hash
//
// A 32-bit hash of a string that every party computes alike: FNV-1a over UTF-16 code units, then the
// finaliser of MurmurHash3 (Appleby, public domain), without which short ids differ in few bits.

/** An unsigned 32-bit integer, evenly spread. Not for secrets. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
