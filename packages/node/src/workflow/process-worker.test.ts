import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { signingPrefix } from '@tutti/core/resource'
import type { ProcessOrder } from '@tutti/core/workflow'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { afterAll, expect, test } from 'vitest'
import { ProcessWorker } from './process-worker.ts'
import { limitsDefault } from './watch-process.ts'

const key = newPrivateKey()
const closers: (() => void)[] = []
afterAll(() => {
  for (const close of closers) close()
})

/** One for each test: what is still asked by a worker that was stopped takes nothing from the next. */
async function controlPlaneWith(orders: readonly { payload: string; signature: string }[]) {
  const left = [...orders]
  const told: { path: string; body: Record<string, unknown> }[] = []
  const heard = { onTold: () => {} }
  const server = createServer(async (incoming, answer) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    const path = decodeURIComponent(incoming.url ?? '')
    if (path === '/api/v1/processes/next') {
      const order = left.shift()
      if (order !== undefined) answer.writeHead(200).end(JSON.stringify(order))
      else setTimeout(() => answer.writeHead(204).end(), 20) // as the control plane: not at once
      return
    }
    told.push({ path, body: JSON.parse(Buffer.concat(chunks).toString()) })
    answer.writeHead(200).end('{}')
    heard.onTold()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => void server.close())
  const { port } = server.address() as AddressInfo
  return { told, heard, session: { url: `http://127.0.0.1:${port}`, bearer: 'session' } }
}

function order(id: string, more: Partial<ProcessOrder> = {}, by = key) {
  const whole: ProcessOrder = {
    ...{ format: 'tutti/process/v1', id, node: 'n1', expiresAtMs: 10, kind: 'shell' },
    ...{ language: null, text: `echo ${id}`, arguments: [], environment: {}, stdin: null },
    ...more,
  }
  const payload = JSON.stringify(whole)
  return { payload, signature: signText(by, signingPrefix.process, payload) }
}

test('W1: it runs what its control plane has signed for it, in time, of a kind it allows, once', async () => {
  const refused: unknown[] = []
  const worker = new ProcessWorker({
    ...{ node: 'n1', controlPlane: didKeyOf(key), kinds: ['shell'], limits: limitsDefault },
    nowMs: () => 5,
    log: (event, { id }) => {
      if (event.startsWith('a process was not run')) refused.push(id)
    },
  })
  const good = order('good')
  const tampered = { ...order('tampered'), payload: order('other').payload }
  const script = order('script', { kind: 'script', language: 'javascript' })
  const { told, heard, session } = await controlPlaneWith([
    ...[order('stranger', {}, newPrivateKey()), order('late', { expiresAtMs: 4 })],
    ...[order('elsewhere', { node: 'n2' }), script, tampered, good, good, order('last')],
  ])
  const isDone = new Promise<void>((resolve) => {
    heard.onTold = () => told.length === 2 && resolve()
  })
  await worker.start()
  worker.use(session)
  await isDone
  await worker.stop()
  const said = told.map(({ path, body }) => [path, body['stdout']])
  expect(said.sort()).toEqual([
    ['/api/v1/processes/good/outcome', 'good\n'],
    ['/api/v1/processes/last/outcome', 'last\n'],
  ])
  expect(refused).toHaveLength(6)
})

test('W2: a node that stops ends what it runs, and asks for no more', async () => {
  const worker = new ProcessWorker({
    ...{ node: 'n1', controlPlane: didKeyOf(key), kinds: ['shell'], limits: limitsDefault },
    nowMs: () => 5,
    log: (event) => event.startsWith('a process of') && begun(),
  })
  let begun = () => {}
  const isBegun = new Promise<void>((resolve) => {
    begun = resolve
  })
  const { told, session } = await controlPlaneWith([order('long', { text: 'sleep 60' })])
  await worker.start()
  worker.use(session)
  await isBegun
  await worker.stop() // at once, not in a minute
  expect(told.some(({ path }) => path.includes('long'))).toBe(false)
})
