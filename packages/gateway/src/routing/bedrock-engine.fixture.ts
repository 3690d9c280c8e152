// Bedrock engine
//
// Frames of AWS's event stream as a service would send them: for tests of who reads them.

import { crc32 } from 'node:zlib'

export function eventFrame(event: string, payload: object | string, kind = 'event'): Buffer {
  const data = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload))
  const headers = Buffer.concat([
    header(kind === 'event' ? ':event-type' : ':exception-type', event),
    Buffer.from([2, 111, 107, 0]), // a header `ok` that is true
    header(':message-type', kind),
  ])
  const prelude = Buffer.alloc(8)
  prelude.writeUInt32BE(16 + headers.length + data.length, 0)
  prelude.writeUInt32BE(headers.length, 4)
  const most = Buffer.concat([prelude, checksum(prelude), headers, data])
  return Buffer.concat([most, checksum(most)])
}

export const deltaFrame = (text: string) =>
  eventFrame('contentBlockDelta', { contentBlockIndex: 0, delta: { text } })
export const stopFrame = eventFrame('messageStop', { stopReason: 'end_turn' })
export const usageFrame = eventFrame('metadata', { usage: { inputTokens: 3, outputTokens: 2 } })

function header(name: string, value: string): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(Buffer.byteLength(value))
  const head = [Buffer.from([name.length]), Buffer.from(name), Buffer.from([7]), length]
  return Buffer.concat([...head, Buffer.from(value)])
}

function checksum(bytes: Buffer): Buffer {
  const four = Buffer.alloc(4)
  four.writeUInt32BE(crc32(bytes))
  return four
}
