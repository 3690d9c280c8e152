import { expect, test } from 'vitest'
import { bed, useDatabase } from './engine.fixture.ts'
import { RunNews } from './run-news.ts'

useDatabase()

let nowMs = 1_000
const open = () =>
  new RunNews({
    ...{ sql: bed.database.sql, news: bed.news, nowMs: () => nowMs },
    onTrouble: (what, error) => {
      throw new Error(what, { cause: error })
    },
  })

/** Counts the wakes of a run, and waits for the next one. */
function watching(news: RunNews, run: string) {
  let [woken, next]: [number, () => void] = [0, () => {}]
  const end = news.watch(run, () => {
    woken += 1
    next()
  })
  const isWoken = (count: number) =>
    new Promise<void>((resolve) => {
      next = () => {
        if (woken >= count) resolve()
      }
      next()
    })
  return { end, isWoken, woken: () => woken }
}

test('who watches a run is woken when another one writes it, and nobody is told of what nobody watches', async () => {
  const [engine, other] = [open(), open()]
  engine.written('run') // nobody watches yet
  const watcher = watching(other, 'run')
  await watcher.isWoken(1) // its own word has come round: the engine knows
  engine.written('run')
  await watcher.isWoken(2)
  engine.written('beside')
  nowMs += 61_000 // nothing was heard of the watcher since
  engine.written('run')
  const marker = watching(other, 'marker')
  await marker.isWoken(1) // what was said before it has come, too
  expect(watcher.woken()).toBe(2)
  engine.written('marker')
  await marker.isWoken(2)
  marker.end()
  engine.written('marker')
  const last = watching(other, 'last')
  await last.isWoken(1)
  expect(marker.woken()).toBe(2)
  engine.stop()
  other.stop()
})
