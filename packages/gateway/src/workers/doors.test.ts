// A worker that the others cannot ask says why, and lives on.

import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { openDoor } from './doors.ts'

const server = createServer((_, response) => response.end('here'))

test('a door leads to the server that it was opened for, until it is closed', async () => {
  const door = await openDoor(server)
  if (typeof door === 'string') throw new Error(door)
  const answer = await fetch(door.url, { headers: { connection: 'close' } })
  expect(await answer.text()).toBe('here')
  door.close()
  await expect(fetch(door.url)).rejects.toThrow()
})

test('one that cannot be opened is no door, and nobody’s end', async () => {
  const noAddressOfOurs = '192.0.2.1' // for documentation alone: RFC 5737
  expect(await openDoor(server, noAddressOfOurs)).toContain('EADDRNOTAVAIL')
})
