-- What runs make for other runs: versions of a project's assets, each with what it was made of.
create table workflow_asset (
  project text not null,
  name text not null,
  -- Empty: the asset has none.
  partition text not null,
  run text not null,
  key text not null,
  -- NAMESPACE.NAME:VERSION
  workflow text not null,
  -- SHA-256 of the value as canonical JSON.
  digest text not null,
  value text not null,
  -- Artifacts that the value refers to: they are kept as long as this.
  artifacts text[] not null,
  -- Model versions, artifacts and assets that the run had used until then; JSON.
  sources text not null,
  made_at_ms double precision not null,
  primary key (project, name, partition, run, key)
);
create index workflow_asset_newest on workflow_asset (project, name, partition, made_at_ms);

-- Runs under way that make an asset for those who wait for it: one for each at most.
create table workflow_production (
  project text not null,
  -- NAME or NAME@PARTITION
  asset text not null,
  run text not null,
  shard int not null,
  -- Productions that wait for productions: how many stand above this one.
  depth int not null,
  started_at_ms double precision not null,
  primary key (project, asset)
);
create index workflow_production_run on workflow_production (run);

-- Steps that wait until all the assets that they need are fresh.
create table workflow_asset_wait (
  run text not null,
  key text not null,
  project text not null,
  -- NAME or NAME@PARTITION
  assets text[] not null,
  -- As core asks for them; JSON.
  needs text not null,
  -- Productions that it has waited for and that have ended.
  rounds int not null,
  primary key (run, key)
);
create index workflow_asset_wait_assets on workflow_asset_wait using gin (assets);
