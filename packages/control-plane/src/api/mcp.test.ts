import {
  Client as NewerClient,
  StreamableHTTPClientTransport as NewerTransport,
} from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { expect, test } from 'vitest'
import { apply, bed, makeKey, usePlane } from '../test-plane.fixture.ts'

usePlane()

const schema = { type: 'object', required: ['n'], properties: { n: { type: 'number' } } }
const flow = (name: string, tasks: unknown, version = '1.0.0', more: object = {}) => ({
  document: {
    document: { dsl: '1.0.3', namespace: 'shop', name, version, summary: `does ${name}` },
    do: tasks,
    ...more,
  },
})

async function connect(key: string): Promise<Client> {
  const headers = { authorization: `Bearer ${key}` }
  const url = new URL(`${bed.plane.url}/api/v1/mcp`)
  const client = new Client({ name: 'test', version: '1.0.0' })
  await client.connect(
    new StreamableHTTPClientTransport(url, { requestInit: { headers } }) as never,
  )
  return client
}

test('workflows are tools: listed with the form of their input, run, and refused as they are elsewhere', async () => {
  const double = [{ double: { set: { n: '${ .n * 2 }' } } }]
  const input = { input: { schema: { document: schema } } }
  await apply('Workflow', 'shop.double:1.0.0', flow('double', [{ a: { set: { old: true } } }]))
  await apply('Workflow', 'shop.double:1.1.0', flow('double', double, '1.1.0', input))
  const fail = [{ a: { raise: { error: { type: 'https://e', status: 400, detail: 'sold out' } } } }]
  await apply('Workflow', 'shop.fail:1.0.0', flow('fail', fail))
  const client = await connect(bed.admin)
  const { tools } = await client.listTools()
  expect(tools).toMatchObject([
    { name: 'shop_double', description: 'does double', inputSchema: schema },
    { name: 'shop_fail', inputSchema: { type: 'object' } },
    { name: 'run_status' },
  ])
  const text = async (name: string, args: Record<string, unknown>, by = client) => {
    const { content, isError = false } = await by.callTool({ name, arguments: args })
    return [isError, (content as { text: string }[])[0]?.text ?? '']
  }
  expect(await text('shop_double', { n: 21 })).toEqual([false, '{"n":42}'])
  const [isError, said = ''] = await text('shop_fail', {})
  expect([isError, said]).toEqual([true, expect.stringContaining('sold out')])
  const run = /run (\S+) failed/.exec(String(said))?.[1]
  expect(await text('run_status', { run })).toEqual([true, said])
  expect(await text('shop_none', {})).toMatchObject([true, expect.stringContaining('no Workflow')])
  const viewer = await connect(await makeKey('vic', ['viewer']))
  expect(await text('shop_double', { n: 1 }, viewer)).toMatchObject([true, expect.anything()])
  expect((await viewer.listTools()).tools).toHaveLength(3)
  await expect(connect('nonsense')).rejects.toThrow()
  await client.close()
  await viewer.close()
})

test('a client of the revision without a handshake runs them, too', async () => {
  await apply(
    'Workflow',
    'shop.triple:1.0.0',
    flow('triple', [{ a: { set: { n: '${ .n * 3 }' } } }]),
  )
  const versionNegotiation = { mode: { pin: '2026-07-28' } }
  const client = new NewerClient({ name: 'test', version: '1.0.0' }, { versionNegotiation })
  const requestInit = { headers: { authorization: `Bearer ${bed.admin}` } }
  const url = new URL(`${bed.plane.url}/api/v1/mcp`)
  await client.connect(new NewerTransport(url, { requestInit }))
  const { tools } = await client.listTools()
  expect(tools).toContainEqual(expect.objectContaining({ name: 'shop_triple' }))
  const said = await client.callTool({ name: 'shop_triple', arguments: { n: 14 } })
  expect(said).toMatchObject({ content: [{ text: '{"n":42}' }] })
  await client.close()
})
