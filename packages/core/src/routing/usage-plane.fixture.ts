// Usage plane
//
// What everybody must do whom gateways tell what requests used, and who is asked for it: run over HTTP by each of them.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type UsageDimension, usageDimensions } from './usage-question.ts'
import { addUsage, noAmounts, type UsageReport, type UsageRow } from './usage-report.ts'

export interface UsageWorld {
  /** Tells as a gateway; the status. */
  readonly tell: (report: UsageReport) => Promise<number>
  /** Asks as one who may read the project `default`. */
  readonly ask: (query: string) => Promise<Answer>
  /** Asks as one who may not see which projects there are. */
  readonly askBlind: (query: string) => Promise<Answer>
}

interface Answer {
  readonly status: number
  readonly body: unknown
}

const hourMs = 3_600_000
const windowHours = 100

export function usagePlaneContract({ tell, ask, askBlind }: UsageWorld): void {
  const startMs = Math.floor(Date.now() / hourMs) * hourMs
  let windows = 1 // the last of them is for what else is tried
  /** Hours that nobody else tells of, and a gateway of which nobody else has heard. */
  const newWindow = () => {
    windows += 1
    const fromMs = startMs - windows * windowHours * hourMs
    return {
      fromMs,
      gateway: `gateway-${windows}`,
      query: `since=${fromMs}&until=${until(fromMs)}`,
    }
  }
  const until = (fromMs: number) => fromMs + windowHours * hourMs

  test('a report counts once, however often it comes and whoever else tells (U1)', async () => {
    const { fromMs, gateway, query } = newWindow()
    const other = `${gateway}-other`
    const rows = [rowOf({ hourMs: fromMs }), rowOf({ hourMs: fromMs, key: 'b', failed: 1 })]
    const first = { gateway, sequence: 1, rows: [...rows, rowOf({ hourMs: fromMs })] }
    const dear = rowOf({ hourMs: fromMs, model: 'engine/large', costNanos: 9_000_000 })
    const statuses = await Promise.all([
      ...[1, 2, 3].map(() => tell(first)),
      tell({ gateway: other, sequence: 1, rows: [dear] }),
    ])
    expect(statuses).toEqual([200, 200, 200, 200])
    const second = [rowOf({ hourMs: fromMs, unpriced: 1 }), rowOf({ hourMs: fromMs + hourMs })]
    await tell({ gateway, sequence: 2, rows: second })
    await tell(first) // late
    const { status, body } = await ask(`by=model,key&${query}`)
    expect(status).toBe(200)
    expect(body).toEqual({
      ...{ since: fromMs, until: until(fromMs), by: ['model', 'key'] },
      rows: [
        {
          ...{ model: 'engine/llama', key: 'a', requests: 4, failed: 0, inputTokens: 40 },
          ...{ outputTokens: 20, cachedTokens: 8, unpriced: 1, costDollars: 0.012 },
        },
        {
          ...{ model: 'engine/large', key: 'a', requests: 1, failed: 0, inputTokens: 10 },
          ...{ outputTokens: 5, cachedTokens: 2, unpriced: 0, costDollars: 0.009 },
        },
        {
          ...{ model: 'engine/llama', key: 'b', requests: 1, failed: 1, inputTokens: 10 },
          ...{ outputTokens: 5, cachedTokens: 2, unpriced: 0, costDollars: 0.003 },
        },
      ],
    })
  })

  test('whatever is told, it is added up by each of the dimensions that are asked for', async () => {
    const name = fc.constantFrom('a', 'b', 'ü "\n')
    const rows = fc.array(
      fc.record({ hour: fc.nat(49), key: name, route: name, model: name, requests: fc.nat(9) }),
      { maxLength: 12 },
    )
    const by = fc.uniqueArray(fc.constantFrom(...usageDimensions), { minLength: 1 })
    const property = fc.asyncProperty(rows, by, fc.nat(50), async (told, dimensions, from) => {
      const { fromMs, gateway } = newWindow()
      const all = told.map(({ hour, requests, ...place }) => {
        const atMs = fromMs + hour * hourMs
        return rowOf({ ...place, hourMs: atMs, requests, costNanos: requests * 1_000 })
      })
      await tell({ gateway, sequence: 1, rows: all })
      const sinceMs = fromMs + from * hourMs
      const asked = await ask(`by=${dimensions.join()}&since=${sinceMs}&until=${until(fromMs)}`)
      const seen = rowsOf(asked.body)
      expect(seen.map(lineOf).sort()).toEqual(
        expected(
          all.filter((row) => row.hourMs >= sinceMs),
          dimensions,
        ),
      )
      const costs = seen.map(({ costDollars }) => Number(costDollars))
      expect(costs).toEqual([...costs].sort((a, b) => b - a))
    })
    await fc.assert(property, { numRuns: 40 })
  })

  test('the hour in which a time begins is part of it, the one at which it ends is not', async () => {
    const { fromMs, gateway } = newWindow()
    const rows = [0, 1, 2].map((hour) => rowOf({ hourMs: fromMs + hour * hourMs, key: `h${hour}` }))
    await tell({ gateway, sequence: 1, rows })
    const untilMs = fromMs + 2 * hourMs
    const { body } = await ask(`by=key,key&since=${fromMs + hourMs - 1}&until=${untilMs}`)
    expect(body).toMatchObject({ since: fromMs, until: untilMs, by: ['key'] })
    expect(
      rowsOf(body)
        .map(({ key }) => key)
        .sort(),
    ).toEqual(['h0', 'h1'])
  })

  test('where nothing was used nothing is told; unasked, it is of the last week, by project', async () => {
    expect(rowsOf((await ask(newWindow().query)).body)).toEqual([])
    const { body } = await ask('')
    expect(body).toMatchObject({ by: ['project'] })
    const { since, until } = Object(body)
    expect(until - since).toBeGreaterThanOrEqual(7 * 24 * hourMs)
    expect(until - since).toBeLessThan((7 * 24 + 1) * hourMs)
  })

  test('what makes no sense, is not one’s own or too much is refused in the same words', async () => {
    const { fromMs, gateway, query } = newWindow()
    for (let part = 0; part < 6; part++) {
      const hours = { hourMs: fromMs + part * hourMs }
      const keys = Array.from({ length: 1_700 }, (_, i) => rowOf({ ...hours, key: `${part} ${i}` }))
      expect(await tell({ gateway, sequence: part + 1, rows: keys })).toBe(200)
    }
    const refused = (status: number, code: string, message: unknown) => ({
      ...{ status, body: { error: { code, message } } },
    })
    expect(await ask(`by=key&${query}`)).toEqual(
      refused(413, 'api/too-large', 'too many rows: ask for less time or fewer dimensions'),
    )
    expect(rowsOf((await ask(`by=route&${query}`)).body)).toMatchObject([{ requests: 10_200 }])
    const known = 'by: expected one of hour, day, project, key, route, model'
    for (const [word, said] of [
      ['colour', 'got colour'],
      ['key,rout', 'got rout: did you mean route?'],
      ['', 'got nothing'],
    ] as const) {
      expect(await ask(`by=${word}`)).toEqual(refused(422, 'api/invalid', `${known}, ${said}`))
    }
    const noTime = refused(422, 'api/invalid', 'since: expected milliseconds since 1970')
    expect(await ask('since=soon')).toEqual(noTime)
    expect(await askBlind('project=nobody')).toEqual(
      refused(403, 'api/forbidden', 'this key may not read project nobody'),
    )
  })
}

function rowOf(change: Partial<UsageRow> & Pick<UsageRow, 'hourMs'>): UsageRow {
  return {
    ...{ project: 'default', key: 'a', route: 'chat', model: 'engine/llama' },
    ...{ requests: 1, failed: 0, inputTokens: 10, outputTokens: 5, cachedTokens: 2 },
    ...{ costNanos: 3_000_000, unpriced: 0 },
    ...change,
  }
}

function rowsOf(body: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Object(body).rows
}

/** By the plainest way there is. */
function expected(rows: readonly UsageRow[], by: readonly UsageDimension[]): readonly string[] {
  const sums = new Map<string, UsageRow>()
  for (const row of rows) {
    const iso = new Date(row.hourMs).toISOString()
    const times = { day: iso.slice(0, 10), hour: iso.replace('.000', '') }
    const name = JSON.stringify(by.map((one) => ({ ...row, ...times })[one]))
    const sum = sums.get(name) ?? { ...row, ...noAmounts }
    addUsage(sum, row)
    sums.set(name, sum)
  }
  return [...sums]
    .map(([name, { hourMs: _h, project: _p, key: _k, route: _r, model: _m, ...sum }]) => {
      const { costNanos, ...counts } = sum
      const values: unknown[] = JSON.parse(name)
      const dimensions = Object.fromEntries(by.map((one, i) => [one, values[i]]))
      return lineOf({ ...dimensions, ...counts, costDollars: costNanos / 1e9 })
    })
    .sort()
}

function lineOf(row: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(Object.entries(row).sort())
}
