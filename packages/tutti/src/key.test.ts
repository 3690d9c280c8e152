// The end of a key, as the command line sets it.

import { expect, test } from 'vitest'
import { tutti, tuttiLate, useControlPlane } from './cli-bed.fixture.ts'

useControlPlane()

const dayMs = 86_400_000

async function endOf(name: string): Promise<number> {
  return JSON.parse((await tutti('get', 'key', name, '--json')).out).spec.expiresAtMs
}

test('a time that is past by the control plane’s clock ends no key at once: both clocks are told', async () => {
  const yesterday = new Date(Date.now() - dayMs).toISOString()
  for (const lateMs of [0, 2 * dayMs]) {
    const { status, err } = await tuttiLate(lateMs, 'key', 'create', 'k', '--expires', yesterday)
    expect(status).toBe(1)
    const [, planeSays = '', ownSays = ''] =
      /is past: the control plane’s clock says (\S+Z), this machine’s (\S+Z);/.exec(err) ?? []
    expect(err).toContain(`--expires: ${yesterday} is past`)
    const apartMs = Math.abs(Date.parse(planeSays) - Date.parse(ownSays))
    expect(Math.round(apartMs / dayMs)).toBe(lateMs / dayMs)
  }
  expect((await tutti('get', 'key', 'k')).err).toContain('there is no Key k')
})

test('a key lasts as long as is said by the control plane’s clock, whatever this machine’s says', async () => {
  expect((await tuttiLate(2 * dayMs, 'key', 'create', 'day', '--expires', '24h')).status).toBe(0)
  expect(Math.round(((await endOf('day')) - Date.now()) / 3_600_000)).toBe(24)
})
