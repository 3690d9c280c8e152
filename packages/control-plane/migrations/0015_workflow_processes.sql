-- Scripts and commands of workflows that wait for a node, or run on one.
create table workflow_process (
  -- The run and the step.
  id text primary key,
  run text not null,
  key text not null,
  project text not null,
  -- NAMESPACE.NAME
  workflow text not null,
  kind text not null,
  -- Of a script; empty else.
  language text not null,
  -- What becomes the order; JSON.
  body text not null,
  is_awaited boolean not null,
  returns text not null,
  asked_at_ms double precision not null,
  node text,
  attempts int not null default 0,
  -- Until then the node that has it says that it is at it.
  lease_until_ms double precision,
  -- Why the node that was looked at last may not run it.
  refusal text,
  place bigint generated always as identity
);
create index workflow_process_open on workflow_process (kind, language, place);
