// Protobuf
//
// Encodes the few wire types that ONNX files need
// (https://protobuf.dev/programming-guides/encoding). A field is its bytes; a message is its
// fields one after the other. Nothing here decodes.

const varintWire = 0
const lengthDelimitedWire = 2

/** An integer field: int64, int32 or enum; negative numbers take ten bytes, as the format wants. */
export function integerField(number: number, value: number): Uint8Array {
  return concatBytes([tag(number, varintWire), varint(BigInt(value))])
}

export function textField(number: number, text: string): Uint8Array {
  return bytesField(number, new TextEncoder().encode(text))
}

export function messageField(number: number, fields: readonly Uint8Array[]): Uint8Array {
  return bytesField(number, concatBytes(fields))
}

export function bytesField(number: number, bytes: Uint8Array): Uint8Array {
  return concatBytes([tag(number, lengthDelimitedWire), varint(BigInt(bytes.length)), bytes])
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

function tag(number: number, wire: number): Uint8Array {
  return varint(BigInt(number * 8 + wire))
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}
