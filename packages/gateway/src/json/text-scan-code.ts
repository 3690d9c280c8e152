// Text scan code
//
// The inner loop of `textEnd` as a WebAssembly module of one function, written out here in its own instructions (the
// WebAssembly core specification, chapter 5): 64 bytes at a time where a loop of JavaScript takes one. 100 KB with
// 7,000 escapes take 15 µs of CPU instead of the 100 of JSON.parse, and leave no garbage.
//
// scan(limit): how far the bytes from 0 on are the inside of a JSON text. It stops at a quote, at what a JSON text may
// not hold, or at `limit`; at the backslash before `limit` where what that escapes lies behind it. `limit` is a
// multiple of 64, or 64 quotes stand there.
//
// What backslashes escape is told for 64 bytes at once and without a branch for each: of a row of backslashes each
// second one is escaped itself, and a subtraction carries along rows (Langdale and Lemire, Parsing Gigabytes of JSON
// per Second, 2019, 3.1.1).

/** Bytes that are looked at together. */
export const blockBytes = 64

const [i32, i64, v128] = [0x7f, 0x7e, 0x7b] as const
// Locals of the function: bytes are vectors of 16, and what is known of a block has a bit for each of its 64.
const [limit, at, place] = [0, 1, 2] as const
const vectors = [3, 4, 5, 6] as const
const [backslashes, stops, escaped, carried, starts, wrong] = [7, 8, 9, 10, 11, 12] as const
// Vectors that stay the same: one byte sixteen times, and what ends an escape by its lower half.
const [aBackslash, aQuote, aSpace, anR, lowHalves, endings] = [13, 14, 15, 16, 17, 18] as const

const get = (local: number) => [0x20, local]
const set = (local: number) => [0x21, local]
const tee = (local: number) => [0x22, local]
const num = (value: number) => [0x41, ...signed(BigInt(value))]
const bits = (value: bigint) => [0x42, ...signed(value)]
const loadByte = (offset: number) => [0x2d, 0, ...unsigned(offset)]
const loadBytes = (offset: number) => [0xfd, 0x00, 0, ...unsigned(offset)]
const bytes = (values: readonly number[]) => [0xfd, 0x0c, ...values]
const all = (value: number) => bytes(Array.from({ length: 16 }, () => value))
const [byteAt, bytesEqual, bytesLess] = [
  [0xfd, 0x0e],
  [0xfd, 0x23],
  [0xfd, 0x26],
] as const
const [bytesAnd, bytesOr, bitmask] = [
  [0xfd, 0x4e],
  [0xfd, 0x50],
  [0xfd, 0x64],
] as const
const [isZero, isOther, isLess, isNotLess] = [0x45, 0x47, 0x49, 0x4f] as const
const [plus, minus, and, or] = [0x6a, 0x6b, 0x71, 0x72] as const
const [areNone, firstBit, less, both, either, differing] = [
  0x50, 0x7a, 0x7d, 0x83, 0x84, 0x85,
] as const
const [left, right, toBits, toNumber] = [0x86, 0x88, 0xad, 0xa7] as const
const without = [...bits(-1n), differing, both]
const loop = [0x03, 0x40]
const when = [0x04, 0x40]
const again = (depth: number) => [0x0c, depth]
const [give, end] = [0x0f, 0x0b] as const

/** A bit for each byte of the block for which `test` is true. */
const bitsOf = (test: (vector: number) => readonly number[]) =>
  vectors.flatMap((vector, index) => [
    ...[...test(vector), ...bitmask, toBits, ...bits(BigInt(index * 16)), left],
    ...(index === 0 ? [] : [either]),
  ])

const byteOf = (letter: string) => letter.charCodeAt(0)
const are = (vector: number, same: number) => [...get(vector), ...get(same), ...bytesEqual]

/** Where an escape of two characters ends: by the lower half of its byte, or `"`, `\\`, `r`. */
const endsEscape = (vector: number) => [
  ...[...get(endings), ...get(vector), ...get(lowHalves), ...bytesAnd, ...byteAt],
  ...[...get(vector), ...bytesEqual],
  ...[aQuote, aBackslash, anR].flatMap((same) => [...are(vector, same), ...bytesOr]),
]

/** True on the stack where the byte at `place + offset` is a hexadecimal digit. */
const isHex = (offset: number) => [
  ...[...get(place), ...loadByte(offset), ...num(0x30), minus, ...num(10), isLess],
  ...[...get(place), ...loadByte(offset), ...num(0x20), or, ...num(0x61), minus, ...num(6), isLess],
  or,
]

const second = 0xaaaa_aaaa_aaaa_aaaan - 2n ** 64n // each second bit

const findEscaped = [
  ...[...get(backslashes), ...get(carried), ...without, ...tee(starts), ...bits(1n), left],
  ...[...bits(second), either, ...get(starts), less, ...bits(second), differing, ...tee(starts)],
  ...[...get(backslashes), ...get(carried), either, differing, ...set(escaped)],
  ...[...get(starts), ...get(backslashes), both, ...bits(63n), right, ...set(carried)],
]

/** Those that end no escape of two characters: each is the `u` of a longer one, or stops. */
const lookAtWrong = [
  ...loop,
  ...[...get(wrong), areNone, isZero, ...when],
  ...[...get(at), ...get(wrong), firstBit, toNumber, plus, ...tee(place), ...loadByte(0)],
  ...[...num(0x75), isOther, ...isHex(1), ...isHex(2), and, ...isHex(3), and, ...isHex(4), and],
  ...[isZero, or, ...when, ...get(stops), ...bits(0n), ...get(wrong), less, ...get(wrong), both],
  ...[either, ...set(stops), 0x05],
  ...[...get(wrong), ...get(wrong), ...bits(1n), less, both, ...set(wrong), ...again(2), end],
  ...[end, end],
]

const body = [
  ...[...all(0x5c), ...set(aBackslash), ...all(0x22), ...set(aQuote), ...all(0x20), ...set(aSpace)],
  ...[...all(0x72), ...set(anR), ...all(0x0f), ...set(lowHalves)],
  // ÿ where no byte with that lower half ends one.
  ...[...bytes([...'ÿÿbÿtÿfÿÿÿÿÿÿÿn/'].map(byteOf)), ...set(endings)],
  ...loop, // for each block
  ...[...get(at), ...get(limit), isNotLess, ...when],
  ...[...get(at), ...get(carried), toNumber, minus, give, end],
  ...vectors.flatMap((vector, i) => [...get(at), ...loadBytes(i * 16), ...set(vector)]),
  ...[...bitsOf((vector) => are(vector, aBackslash)), ...set(backslashes)],
  ...bitsOf((vector) => [
    ...[...are(vector, aQuote), ...get(vector), ...get(aSpace), ...bytesLess, ...bytesOr],
  ]),
  ...set(stops),
  ...[...get(backslashes), ...get(carried), either, areNone, isZero, ...when],
  ...findEscaped,
  ...[...get(stops), ...get(escaped), ...without, ...set(stops)],
  ...[...get(escaped), ...bitsOf(endsEscape), ...without, ...set(wrong)],
  ...lookAtWrong,
  end,
  ...[...get(stops), areNone, isZero, ...when],
  ...[...get(at), ...get(stops), firstBit, toNumber, plus, give, end],
  ...[...get(at), ...num(blockBytes), plus, ...set(at), ...again(0), end],
  ...[...get(at), end],
]

const locals = list([
  [2, i32],
  [4, v128],
  [6, i64],
  [6, v128],
])

/** It imports its memory as `host.memory` and exports `scan`. */
export const textScanCode = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, list([[0x60, 1, i32, 1, i32]])),
  ...section(2, list([[...named('host'), ...named('memory'), 2, 0, 2]])),
  ...section(3, list([[0]])),
  ...section(7, list([[...named('scan'), 0, 0]])),
  ...section(10, list([sized([...locals, ...body])])),
])

function section(id: number, contents: readonly number[]): number[] {
  return [id, ...sized(contents)]
}

function sized(contents: readonly number[]): number[] {
  return [...unsigned(contents.length), ...contents]
}

function list(members: readonly (readonly number[])[]): number[] {
  return [...unsigned(members.length), ...members.flat()]
}

function named(name: string): number[] {
  return sized([...name].map(byteOf))
}

/** LEB128. */
function unsigned(value: number): number[] {
  const low = value & 0x7f
  return value < 0x80 ? [low] : [low | 0x80, ...unsigned(value >>> 7)]
}

/** LEB128 in two's complement. */
function signed(value: bigint): number[] {
  const low = Number(value & 0x7fn)
  const rest = value >> 7n
  const isLast = rest === (low & 0x40 ? -1n : 0n)
  return isLast ? [low] : [low | 0x80, ...signed(rest)]
}
