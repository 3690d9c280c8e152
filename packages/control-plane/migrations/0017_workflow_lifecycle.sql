-- Events of runs' lifecycles, of projects that want them told.
create table workflow_lifecycle (
  run text not null,
  -- Its place among the run's events.
  number int not null,
  project text not null,
  -- NAMESPACE.NAME:VERSION
  workflow text not null,
  labels text not null,
  type text not null,
  -- Whether runs may hear it.
  is_heard boolean not null,
  -- The CloudEvent; JSON.
  body text not null,
  at_ms double precision not null,
  -- In which order they were written, and the place that this gave them among all; null: not yet.
  written bigint generated always as identity,
  place bigint,
  primary key (run, number)
);
create index workflow_lifecycle_place on workflow_lifecycle (place) where place is not null;
create index workflow_lifecycle_unplaced on workflow_lifecycle (written) where place is null;

-- The last place that was given: its row is the lock under which they are.
create table workflow_lifecycle_head (place bigint not null);
insert into workflow_lifecycle_head values (0);
