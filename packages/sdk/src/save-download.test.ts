import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Client } from './client.ts'
import { saveDownload } from './save-download.ts'

const folder = mkdtempSync(join(tmpdir(), 'tutti-download-'))
const bytes = randomBytes(3_000_000)
const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const asked: (string | undefined)[] = []
/** What the server does with each request, in order; it answers whole when the list is empty. */
const faults: ((start: number) => Buffer)[] = []

const server = createServer((request, response) => {
  const { range } = request.headers
  asked.push(range)
  const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
  const fault = faults.shift()
  const length = bytes.length - start
  response.writeHead(range === undefined ? 200 : 206, { 'content-length': length })
  if (fault === undefined) return response.end(bytes.subarray(start))
  response.write(fault(start), () => response.destroy())
})
let client: Client

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  client = new Client({ url: `http://127.0.0.1:${port}`, key: 'k' })
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

test.runIf(process.platform === 'linux')(
  'where no folder can be it says so, and ends',
  async () => {
    const file = { digest, sizeBytes: bytes.length, path: '/proc/tutti/model.onnx' }
    const never = () => Promise.reject(new Error('nothing is asked for'))
    await expect(saveDownload(file, never, () => {})).rejects.toThrow('ENOENT')
  },
)

test('a download that is cut goes on where it stopped, and is whole', async () => {
  const path = join(folder, 'deep/model.onnx')
  faults.push((start) => bytes.subarray(start, start + 1_000_000))
  faults.push((start) => bytes.subarray(start, start + 10))
  await client.download({ path, digest, sizeBytes: bytes.length })
  expect(readFileSync(path).equals(bytes)).toBe(true)
  expect(asked).toHaveLength(3)
  expect(asked[0]).toBeUndefined()
  expect(Number(/\d+/.exec(asked[2] ?? '')?.[0])).toBeGreaterThan(0)
  await client.download({ path, digest, sizeBytes: bytes.length }) // it is there already
  expect(asked).toHaveLength(3)
})

test('what an earlier try left is gone on with; other bytes never get the name', async () => {
  const path = join(folder, 'resumed.onnx')
  writeFileSync(`${path}.part`, bytes.subarray(0, 2_000_000))
  await client.download({ path, digest, sizeBytes: bytes.length })
  expect(asked.at(-1)).toBe('bytes=2000000-')
  const wrong = join(folder, 'wrong.onnx')
  writeFileSync(`${wrong}.part`, randomBytes(2_000_000))
  const failed = client.download({ path: wrong, digest, sizeBytes: bytes.length })
  await expect(failed).rejects.toMatchObject({ code: 'sdk/download-broken' })
  expect([existsSync(wrong), existsSync(`${wrong}.part`)]).toEqual([false, false])
})

test('a line that never gets ahead ends with what is wrong', async () => {
  const path = join(folder, 'stuck.onnx')
  for (let i = 0; i < 20; i++) faults.push(() => Buffer.alloc(0))
  const failed = client.download({ path, digest, sizeBytes: bytes.length })
  await expect(failed).rejects.toThrow('broke off')
  faults.length = 0
})
