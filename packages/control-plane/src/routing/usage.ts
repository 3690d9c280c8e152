// Usage
//
// What requests used, by hour: taken in from gateways, given by project, key, route, model, hour and day.
//
// Invariants:
//   U1. A report counts once, however often it comes.

import {
  type UsageQuestion,
  type UsageReport,
  type UsageSum,
  usageKeptMs,
  usageSumsMax,
} from '@tutti/core/routing'
import type { Sql } from '../store/index.ts'

/** One transaction: the number of the report and what is in it. */
export async function takeUsage(sql: Sql, report: UsageReport, nowMs: number): Promise<void> {
  await sql.begin(async (tx) => {
    const fresh = await tx`
      insert into usage_gateway (gateway, sequence, seen_ms)
      values (${report.gateway}, ${report.sequence}, ${nowMs})
      on conflict (gateway) do update set sequence = ${report.sequence}, seen_ms = ${nowMs}
      where usage_gateway.sequence < ${report.sequence}
      returning 1`
    if (fresh.length === 0) return // U1
    // In one order for everybody, so that no two transactions wait for each other.
    await tx`
      insert into usage_hour
        (hour_ms, project, key, route, model, requests, failed, input_tokens, output_tokens,
         cached_tokens, cost_nanos, unpriced)
      select "hourMs", project, key, route, model, sum(requests), sum(failed), sum("inputTokens"),
        sum("outputTokens"), sum("cachedTokens"), sum("costNanos"), sum(unpriced)
      from jsonb_to_recordset(${tx.json(report.rows)}) as row(
        "hourMs" bigint, project text, key text, route text, model text, requests bigint,
        failed bigint, "inputTokens" bigint, "outputTokens" bigint, "cachedTokens" bigint,
        "costNanos" bigint, unpriced bigint)
      group by 1, 2, 3, 4, 5 order by 2, 1, 3, 4, 5
      on conflict (project, hour_ms, key, route, model) do update set
        requests = usage_hour.requests + excluded.requests,
        failed = usage_hour.failed + excluded.failed,
        input_tokens = usage_hour.input_tokens + excluded.input_tokens,
        output_tokens = usage_hour.output_tokens + excluded.output_tokens,
        cached_tokens = usage_hour.cached_tokens + excluded.cached_tokens,
        cost_nanos = usage_hour.cost_nanos + excluded.cost_nanos,
        unpriced = usage_hour.unpriced + excluded.unpriced`
    await tx`delete from usage_hour where hour_ms < ${nowMs - usageKeptMs}`
    // As long: a report that came, and whose answer was lost, waits on the gateway's disk for as long as its machine is away.
    await tx`delete from usage_gateway where seen_ms < ${nowMs - usageKeptMs}`
  })
}

/** The dearest first; null where there are more than can be given. */
export async function sumUsage(
  sql: Sql,
  { by: names, sinceMs, untilMs }: UsageQuestion,
  projects: readonly string[],
): Promise<UsageSum[] | null> {
  const day = sql`to_char(to_timestamp(hour_ms / 1000) at time zone 'utc', 'YYYY-MM-DD')`
  const hour = sql`to_char(to_timestamp(hour_ms / 1000) at time zone 'utc',
    'YYYY-MM-DD"T"HH24:00:00"Z"')`
  const chosen = names.map((name) => {
    const value = name === 'day' ? day : name === 'hour' ? hour : sql`${sql(name)}`
    return sql`${value} as ${sql(name)},`
  })
  const grouped = names.map((_, i) =>
    i === 0 ? sql`group by 1` : sql`, ${sql.unsafe(`${i + 1}`)}`,
  )
  const rows = await sql<Record<string, string>[]>`
    select ${chosen}
      coalesce(sum(requests), 0) as requests, coalesce(sum(failed), 0) as failed,
      coalesce(sum(input_tokens), 0) as "inputTokens",
      coalesce(sum(output_tokens), 0) as "outputTokens",
      coalesce(sum(cached_tokens), 0) as "cachedTokens",
      coalesce(sum(cost_nanos), 0) as "costNanos", coalesce(sum(unpriced), 0) as unpriced
    from usage_hour
    where project in ${sql([...projects])}
      and hour_ms >= ${sinceMs} and hour_ms < ${untilMs}
    ${grouped}
    order by "costNanos" desc, requests desc limit ${usageSumsMax + 1}`
  if (rows.length > usageSumsMax) return null
  return rows.map((row) => {
    const { costNanos, ...counts } = row
    const sums = Object.entries(counts).map(([name, value]) =>
      names.some((one) => one === name) ? [name, value] : [name, Number(value)],
    )
    return { ...Object.fromEntries(sums), costDollars: Number(costNanos) / 1e9 }
  })
}
