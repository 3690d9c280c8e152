// undici is taken by its files: they are what its index gives, and do what it does.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import * as parts from './http-client.ts'

test('the parts are what its index gives', async () => {
  const undici = await import('undici')
  expect(parts.Agent).toBe(undici.Agent)
  expect(parts.ProxyAgent).toBe(undici.ProxyAgent)
  expect(parts.getGlobalDispatcher).toBe(undici.getGlobalDispatcher)
  expect(parts.setGlobalDispatcher).toBe(undici.setGlobalDispatcher)
})

test.each([
  ['the process’s dispatcher', {}],
  ['another', { dispatcher: new parts.Agent() }],
])('a request goes to its whole URL as a GET unless told otherwise, by %s', async (_, by) => {
  const heard: string[] = []
  const server = createServer((request, response) => {
    heard.push(`${request.method} ${request.url}`)
    response.end('so')
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => server.closeAllConnections())
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a/b?c=d`
  const { statusCode, body } = await parts.request(url, by)
  expect([statusCode, await body.text()]).toEqual([200, 'so'])
  await (await parts.request(new URL(url), { ...by, method: 'PUT', body: 'x' })).body.dump()
  expect(heard).toEqual(['GET /a/b?c=d', 'PUT /a/b?c=d'])
})

test('what is no URL, and no http: one, is an error', async () => {
  await expect(async () => parts.request('nowhere')).rejects.toThrow('Invalid URL')
  await expect(async () => parts.request('file:///etc/hosts')).rejects.toThrow('Invalid URL')
})
