-- Results that count for the same call in other runs of the project, for a time.
create table workflow_cache (
  project text not null,
  -- SHA-256 of what was asked for.
  digest text not null,
  output text not null,
  expires_at_ms double precision not null,
  primary key (project, digest)
);
create index workflow_cache_expires on workflow_cache (expires_at_ms);

-- What a run's steps used and made: model versions, artifacts read, artifacts written.
create table workflow_lineage (
  run text not null,
  key text not null,
  kind text not null,
  -- The model version, or the digest of the artifact.
  subject text not null,
  project text not null,
  detail text not null,
  at_ms double precision not null,
  primary key (run, key, kind, subject)
);
create index workflow_lineage_subject on workflow_lineage (project, subject, at_ms);
create index workflow_lineage_written on workflow_lineage (subject) where kind = 'writes';

-- Runs that wait for their queue to admit them, and those that it has admitted and that have not ended.
create table workflow_queued (
  run text primary key,
  project text not null,
  queue text not null,
  is_backfill boolean not null,
  priority int not null,
  place bigint generated always as identity,
  -- How many at the same time, and how long after the one before; null: no limit.
  concurrency int,
  every_ms double precision,
  -- What the run is started with; JSON.
  request text not null,
  asked_at_ms double precision not null,
  admitted_at_ms double precision
);
create index workflow_queued_waiting on workflow_queued (project, queue, is_backfill, priority desc, place)
  where admitted_at_ms is null;
create index workflow_queued_admitted on workflow_queued (project, queue)
  where admitted_at_ms is not null;

-- When a queue with a rate may admit the next run.
create table workflow_queue (
  project text not null,
  queue text not null,
  next_at_ms double precision not null,
  primary key (project, queue)
);
