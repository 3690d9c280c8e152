-- What starts runs without anybody's doing: one row per member of the newest version's schedule.
create table workflow_schedule (
  -- PROJECT.NAMESPACE.NAME.KIND
  id text primary key,
  project text not null,
  namespace text not null,
  name text not null,
  kind text not null,
  version text not null,
  -- When the version was declared: intervals count from it.
  since_ms double precision not null,
  -- The next tick; null while a run's end or events are waited for.
  tick_at_ms double precision,
  -- The run whose end is waited for (`after`).
  run text,
  -- The types of events that may be wanted (`on`); null: any.
  event_types text[],
  -- Events that were taken since a run was last started, as JSON (`on`).
  taken text not null default '[]'
);
create index workflow_schedule_tick on workflow_schedule (tick_at_ms) where tick_at_ms is not null;
create index workflow_schedule_run on workflow_schedule (run) where run is not null;
create index workflow_schedule_events on workflow_schedule (project) where kind = 'on';

-- Events for schedules that have not heard them yet.
create table workflow_trigger (
  id bigint generated always as identity primary key,
  schedule text not null,
  body text not null
);
create index workflow_trigger_schedule on workflow_trigger (schedule, id);
