-- What is kept of requests whose Route says so: what was asked and answered, redacted. No record of the ledger: it is
-- the callers' data, not the system's state, and is deleted when its time has come.
create table kept_request (
  project text not null,
  entry uuid not null,
  id text not null,
  at_ms bigint not null,
  expires_at_ms bigint not null,
  size_bytes bigint not null,
  document text not null, -- JSON as it was said: a jsonb takes no \u0000, which models do say
  primary key (project, entry)
);
create index kept_request_by_id on kept_request (project, id, at_ms);
create index kept_request_by_age on kept_request (project, at_ms);
create index kept_request_expiry on kept_request (expires_at_ms);

-- How much a project keeps: its row is the lock under which requests are added and deleted.
create table kept_request_space (
  project text primary key,
  size_bytes bigint not null
);
