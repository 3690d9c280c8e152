-- The heads of ended runs' hash chains go into the ledger, many in one record.
alter table workflow_run add column is_recorded boolean not null default false;
create index workflow_run_unrecorded on workflow_run (updated_at_ms)
  where outcome is not null and not is_recorded;

-- Runs that ended long ago: one compressed row each.
create table workflow_archive (
  run text primary key,
  project text not null,
  ended_at_ms double precision not null,
  -- The run's row, as JSON, and its journal's turns as they were hashed: gzip of a JSON array of texts.
  head text not null,
  journal bytea not null
);
create index workflow_archive_ended on workflow_archive (ended_at_ms);
create index workflow_event_at on workflow_event (at_ms);

-- Ticks of the past that runs are to be started for, some at a time.
create table workflow_backfill (
  id text primary key,
  project text not null,
  namespace text not null,
  name text not null,
  version text not null,
  input text not null,
  concurrency int not null,
  -- Ticks that have no run yet, as a JSON array of milliseconds, the oldest first.
  ticks text not null,
  running text[] not null default '{}'
);
