import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Channel, type News, openNews } from './news.ts'
import { type Database, openDatabase, type Sql } from './store/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'tutti-news-'))
let database: Database // beforeAll writes
let news: News // each test writes
const lastChannel: Channel = 'workflow_written'
let gaps = 0 // a subscriber counts
let told: (() => void) | null = null // who waits for the next gap

beforeAll(async () => {
  database = await openDatabase({ url: undefined, dataFolder: folder })
})
afterAll(async () => {
  await database.stop()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => {
  gaps = 0
  told = null
})

function countGaps(): void {
  const onGap = () => {
    gaps += 1
    told?.()
  }
  news.subscribe('resource', { onNews: () => {}, onGap })
}

const heard = (channel: Channel): Promise<string> =>
  new Promise((resolve) => {
    const stop = news.subscribe(channel, {
      onNews: (payload) => {
        stop()
        resolve(payload)
      },
      onGap: () => {},
    })
  })

const gap = (): Promise<void> =>
  new Promise((resolve) => {
    told = resolve
  })

/** Ends the connections that listen, as an outage does. */
async function cutListeners(): Promise<void> {
  await database.sql`select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%'`
}

test('a healthy database is not taken for deaf, however soon a pulse comes back', async () => {
  const pulses: (() => void)[] = []
  const openListener = () => {
    const listener = database.openListener()
    const { listen: really } = listener
    const listen: Sql['listen'] = (channel, onNews, onListen) =>
      really(
        channel,
        (payload) => {
          onNews(payload)
          if (payload === 'pulse' && channel === lastChannel) pulses.shift()?.()
        },
        onListen,
      )
    return Object.assign(listener, { listen })
  }
  // Says that a pulse was sent only when it has been heard: the order that a fast listener gives.
  const sql = (async (...query: Parameters<Sql>) => {
    const back = new Promise<void>((resolve) => pulses.push(resolve))
    await database.sql(...query)
    await back
    return []
  }) as unknown as Sql
  news = await openNews({ sql, openListener })
  countGaps()
  for (let turn = 0; turn < 4; turn++) await news.check()
  expect(gaps).toBe(0)
  await news.stop()
})

test('what is said is heard by those who subscribed, until they end it', async () => {
  news = await openNews(database)
  const first = heard('ledger')
  await database.sql`select pg_notify('ledger', 'one')`
  expect(await first).toBe('one')
  await news.stop()
})

test('a lost connection is a gap, and what comes after it is heard', async () => {
  news = await openNews(database)
  countGaps()
  const lost = gap()
  await cutListeners()
  await lost
  const next = heard('resource')
  await database.sql`select pg_notify('resource', 'Node//a')`
  expect(await next).toBe('Node//a')
  await news.stop()
})

test.each([
  ['a deaf connection', () => true],
  ['one that is deaf on one channel', (channel: string) => channel === 'resource'],
])('%s is found by the next checks, and is a gap', async (_, isDeafOn) => {
  const openListener = () => {
    const listener = database.openListener()
    const { listen: really } = listener
    const isFirst = openings === 0
    openings += 1
    const listen: Sql['listen'] = (channel, onNews, onListen) =>
      really(channel, isFirst && isDeafOn(channel) ? () => {} : onNews, onListen)
    return Object.assign(listener, { listen })
  }
  let openings = 0
  news = await openNews({ sql: database.sql, openListener })
  countGaps()
  await news.check()
  await news.check()
  expect(gaps).toBe(1)
  const next = heard('checkpoint')
  await database.sql`select pg_notify('checkpoint', '7')`
  expect(await next).toBe('7')
  await news.stop()
})
