// Identity model
//
// An ONNX file with one input and one equal output for every datatype that the Open Inference Protocol has:
// what goes in must come out, whatever the form it travels in. Written here, byte by byte (onnx.proto).

import { type Datatype, datatypeBytes } from '@tutti/core/fleet'
import { field, integer } from './protobuf.ts'

/** Numbers of TensorProto.DataType. */
const elementTypes: Readonly<Record<Datatype, number>> = {
  ...{ FP32: 1, UINT8: 2, INT8: 3, UINT16: 4, INT16: 5, INT32: 6, INT64: 7 },
  ...{ BYTES: 8, BOOL: 9, FP16: 10, FP64: 11, UINT32: 12, UINT64: 13 },
}

export const datatypes = Object.keys(elementTypes).filter(
  (name): name is Datatype => name in datatypeBytes,
)

export function inputNameOf(datatype: Datatype): string {
  return `in_${datatype.toLowerCase()}`
}

export function outputNameOf(datatype: Datatype): string {
  return `out_${datatype.toLowerCase()}`
}

/** The model's file: every tensor has `length` elements. */
export function encodeIdentityModel(length: number): Buffer {
  const graph = [
    ...datatypes.map((type) => field(1, nodeOf(type))),
    field(2, Buffer.from('identity')),
    ...datatypes.map((type) =>
      field(11, valueInfoOf(inputNameOf(type), elementTypes[type], length)),
    ),
    ...datatypes.map((type) =>
      field(12, valueInfoOf(outputNameOf(type), elementTypes[type], length)),
    ),
  ]
  const opset = Buffer.concat([field(1, Buffer.alloc(0)), integer(2, 13)])
  return Buffer.concat([integer(1, 8), field(7, Buffer.concat(graph)), field(8, opset)])
}

function nodeOf(type: Datatype): Buffer {
  const names = [
    field(1, Buffer.from(inputNameOf(type))),
    field(2, Buffer.from(outputNameOf(type))),
  ]
  return Buffer.concat([...names, field(4, Buffer.from('Identity'))])
}

function valueInfoOf(name: string, elementType: number, length: number): Buffer {
  const shape = field(1, integer(1, length))
  const tensor = Buffer.concat([integer(1, elementType), field(2, shape)])
  return Buffer.concat([field(1, Buffer.from(name)), field(2, field(1, tensor))])
}
