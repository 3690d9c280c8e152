-- Resources: what is declared (spec) and, where somebody keeps it, what was seen (status).
create table resource (
  kind text not null,
  project text not null,
  name text not null,
  uid text not null,
  generation int not null,
  labels jsonb not null,
  annotations jsonb not null,
  spec jsonb not null,
  status jsonb not null,
  created_at_ms double precision not null,
  updated_at_ms double precision not null,
  -- A deleted resource keeps its row: a later one of the same name continues its generations, and a
  -- deployment's tombstone reaches nodes that come back.
  deleted boolean not null default false,
  primary key (kind, project, name)
);
create unique index resource_key_hash on resource ((spec ->> 'hash'))
  where kind = 'Key' and not deleted;

-- The ledger. A record is written in the transaction of the change it records; the sequencer gives it its
-- place in the tree afterwards.
create table ledger_entry (
  id bigint generated always as identity primary key,
  leaf_index bigint unique,
  salt bytea not null,
  body text,
  commitment bytea not null,
  resource text not null,
  at_ms double precision not null
);
create index ledger_entry_waiting on ledger_entry (id) where leaf_index is null;
create index ledger_entry_resource on ledger_entry (resource, id);

create table ledger_tile (
  level int not null,
  tile bigint not null,
  hashes bytea not null,
  primary key (level, tile)
);

create table ledger_checkpoint (
  tree_size bigint primary key,
  note text not null,
  at_ms double precision not null
);

-- The newest assignment of every deployment, signed; its record is the ledger entry.
create table assignment (
  project text not null,
  deployment text not null,
  generation int not null,
  revision int not null,
  payload text not null,
  signature text not null,
  entry bigint not null references ledger_entry (id),
  primary key (project, deployment)
);

create table join_token (
  hash text primary key,
  labels jsonb not null,
  created_by text not null,
  created_at_ms double precision not null,
  expires_at_ms double precision not null,
  used_by text
);

create table setting (
  name text primary key,
  value jsonb not null
);
