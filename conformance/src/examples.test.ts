// A sample of the judges `examples` and `clinc`, over one world: a real gateway and real nodes.

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type Example,
  intentRelease,
  openWorld,
  runInWorld,
  type World,
} from '@tutti/examples/workflows'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clincData } from './clinc.ts'
import { judgeExamples } from './examples.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const data = resolve(
  repository,
  process.env['TUTTI_CONFORMANCE_DATA'] ?? '../shared/data',
  clincData,
)

let world: World
beforeAll(async () => {
  world = await openWorld({ clinc: data, models: ['credit', 'fraud', 'payslip'] })
})
afterAll(() => world?.stop())

test('I7: engines are killed at appends, steps fail and are repeated: the same output', async () => {
  const { passed, total, notes } = await judgeExamples(world, {
    ...{ cases: ['loan'], steps: 6, kills: 4 },
  })
  expect(passed, notes.join('\n')).toBe(total)
  expect(total).toBeGreaterThan(6) // the fewer writes a run has, the fewer kills
})

const withData = existsSync(data) ? test : test.skip
withData(
  'CLINC150: what knows too little is refused, what knows enough is rolled out',
  async () => {
    const release = async (more: object) => {
      const { workshop, plane } = world.places
      const strategy = { soakMs: 0, canary: { perStratum: 1 } }
      const order = { intents: 8, epochs: 2 }
      const input = { workshop, plane, order, strategy, ...more }
      const example = { document: intentRelease, input } as Example
      return await runInWorld(world, example, { answer: () => null })
    }
    const inUse = async () => {
      const all = await world.client.list('deployments')
      return all.map(({ metadata: { name }, spec }) => `${name} ${Object(spec).model}`)
    }
    const refused = await release({ accuracyMin: 1 })
    expect(refused).toMatchObject({ status: 'faulted', error: { status: 422 } })
    expect((await inUse()).join()).not.toContain('clinc')
    const { output } = await release({})
    expect(Object(output).accuracy).toBeGreaterThanOrEqual(0.917)
    expect(await inUse()).toContain(`clinc ${Object(output).model}`)
    expect((await inUse()).join()).not.toContain('clinc-trial')
  },
  120_000,
)
