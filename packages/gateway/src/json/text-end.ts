// Text end
//
// Where a long JSON text ends, and whether it is one: without making a string of it.
//
// Invariants:
//   J1. What is taken for a text is one to JSON.parse too, if its bytes are UTF-8; what is not, is not.

import { blockBytes, textScanCode } from './text-scan-code.ts'

// What of the global these two lines use; the types of Node 20 have none of it.
declare const WebAssembly: {
  readonly Memory: new (pages: { initial: number; maximum: number }) => { buffer: ArrayBuffer }
  readonly Module: new (code: Uint8Array) => object
  readonly Instance: new (
    module: object,
    imports: object,
  ) => { readonly exports: { readonly scan: (limit: number) => number } }
}

const windowBytes = 65_536 // what the loop sees at a time: one page, and two hold all of it
const [quote, backslash] = [0x22, 0x5c] as const

const memory = new WebAssembly.Memory({ initial: 2, maximum: 2 })
const seen = new Uint8Array(memory.buffer)
const module = new WebAssembly.Module(textScanCode)
const { scan } = new WebAssembly.Instance(module, { host: { memory } }).exports

/** The place of the quote that ends a text, with `from` inside of it; -1 where none is one. */
export function textEnd(body: Uint8Array, from: number): number {
  for (let begin = from; ; ) {
    const size = Math.min(windowBytes, body.length - begin)
    const isLast = begin + size === body.length
    seen.set(body.subarray(begin, begin + size))
    seen.fill(quote, size, size + blockBytes)
    const limit = isLast ? size : size - blockBytes // a long escape ends in what is seen
    const place = scan(limit)
    const byte = place < size ? body[begin + place] : -1
    if (byte === quote) return begin + place
    if (isLast || (place !== limit && byte !== backslash)) return -1
    begin += place
  }
}
