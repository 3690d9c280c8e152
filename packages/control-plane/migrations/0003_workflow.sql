-- Workflows: documents, one row per version, never changed.
create table workflow_definition (
  project text not null,
  namespace text not null,
  name text not null,
  version text not null,
  source text not null,
  created_by text not null,
  created_at_ms double precision not null,
  primary key (project, namespace, name, version)
);

-- Engines share one database: a run belongs to a shard, a shard to one engine that is alive. An engine's id is
-- never used twice, so that its row is the fence: what a dead engine writes is refused.
create table workflow_engine (
  id text primary key,
  -- An advisory lock that the engine's own session holds: free, the process is gone.
  lock_key int not null,
  is_dead boolean not null default false,
  alive_until timestamptz not null
);
create table workflow_shard (
  shard int primary key,
  engine text references workflow_engine (id)
);
insert into workflow_shard (shard) select generate_series(0, 63);

create table workflow_run (
  id text primary key,
  project text not null,
  namespace text not null,
  name text not null,
  version text not null,
  shard int not null,
  labels text not null,
  parent_run text,
  parent_key text,
  started_at_ms double precision not null,
  updated_at_ms double precision not null,
  -- running: something is being done for it · waiting: for time, an event or a person · the rest are ends.
  status text not null,
  wake_at_ms double precision,
  outcome text,
  -- The head of the journal's hash chain, once the run has ended.
  hash text
) with (fillfactor = 70);
create index workflow_run_wake on workflow_run (shard, wake_at_ms)
  where wake_at_ms is not null;
create index workflow_run_running on workflow_run (shard) where status = 'running';
create index workflow_run_newest on workflow_run (project, started_at_ms);

-- The journal: what one turn of a run brought, as a JSON array of entries; `seq` is the first one's place.
create table workflow_entry (
  run text not null,
  seq int not null,
  body text not null,
  primary key (run, seq)
);

-- What a run is waiting for that comes from outside: events, answers of people.
create table workflow_waiting (
  run text not null,
  key text not null,
  shard int not null,
  project text not null,
  kind text not null,
  -- The type of the event (empty: any), or the role that may answer (empty: anybody).
  subject text not null,
  body text not null,
  since_ms double precision not null,
  primary key (run, key, kind, subject)
);
create index workflow_waiting_subject on workflow_waiting (kind, subject);

-- What has come for a run and is not yet in its journal.
create table workflow_signal (
  id bigint generated always as identity primary key,
  run text not null,
  shard int not null,
  body text not null
);
create index workflow_signal_shard on workflow_signal (shard, id);

create table workflow_event (
  source text not null,
  id text not null,
  project text not null,
  at_ms double precision not null,
  primary key (project, source, id)
);
