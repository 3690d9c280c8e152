// Usage hour file
//
// One hour of usage as a file: a line that says which reports are in it and how many rows follow, and a line for each.
// Long ones are read and written in several turns of the event loop, on which requests are served, too.

import { readFile } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { hourOf, type UsageHour, type UsageRow, usageRow } from '@tutti/core/routing'
import { isMissing, placeDurably, whyUnreadable } from '@tutti/machine'
import { z } from 'zod'
import { Failure } from '../failure.ts'

const header = z.strictObject({
  format: z.literal('tutti/usage-hour/v1'),
  hourMs: z.int(),
  /** The last report of each gateway. */
  told: z.array(z.tuple([z.string(), z.int()])),
  rows: z.int(),
})

const turnRows = 500 // a millisecond

/** Null where there is none; throws where nobody can say what it held. */
export async function readHour(path: string): Promise<UsageHour | null> {
  try {
    const [first = '', ...lines] = (await readFile(path, 'utf8')).trimEnd().split('\n')
    const { hourMs, told, rows: count } = header.parse(JSON.parse(first))
    const rows: UsageRow[] = []
    for (const line of lines) {
      rows.push(usageRow.parse(JSON.parse(line)))
      if (rows.length % turnRows === 0) await setImmediate()
    }
    if (rows.length === count) return hourOf(hourMs, told, rows)
    throw new Error(`expected ${count} rows, got ${rows.length}`)
  } catch (error) {
    if (isMissing(error)) return null
    const hint = 'restore it, or delete it to have its hour begin anew'
    const message = `what requests used cannot be read from ${path}`
    const why = whyUnreadable(error, hint)
    throw new Failure('gateway/accounts-unreadable', `${message}: ${why}`, error)
  }
}

/** On disk when it resolves; throws where it is not. */
export async function writeHour(path: string, { hourMs, told, rows }: UsageHour): Promise<void> {
  const format = 'tutti/usage-hour/v1'
  const lines = [JSON.stringify({ format, hourMs, told: [...told], rows: rows.size })]
  for (const row of rows.values()) {
    lines.push(JSON.stringify(row))
    if (lines.length % turnRows === 0) await setImmediate()
  }
  await placeDurably(path, `${lines.join('\n')}\n`)
}
