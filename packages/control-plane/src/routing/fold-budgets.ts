// Fold budgets
//
// What Budgets were charged is noted by the hour, and counts by its day once some days are over: no window begins within
// a day but an hour's. Else each Budget had nine thousand rows more every year, which are summed up whenever a
// gateway asks for a part of it.

import { hoursDays } from '@tutti/core/routing'
import type { Sql } from '../store/index.ts'

const dayMs = 86_400_000

/** By the days on which anything was charged: a clock that was ahead folds nothing of today. */
export async function foldBudgets(sql: Sql): Promise<void> {
  await sql`
    with newest as (
      select distinct start_ms / ${dayMs} as day from budget_window
      order by day desc limit ${hoursDays}
    ), hours as (
      delete from budget_window
      where start_ms % ${dayMs} > 0 and start_ms / ${dayMs} < (select min(day) from newest)
      returning project, budget, start_ms - start_ms % ${dayMs} as day_ms, settled_nanos
    )
    insert into budget_window (project, budget, start_ms, settled_nanos)
    select project, budget, day_ms, sum(settled_nanos) from hours group by project, budget, day_ms
    on conflict (project, budget, start_ms)
    do update set settled_nanos = budget_window.settled_nanos + excluded.settled_nanos`
}
