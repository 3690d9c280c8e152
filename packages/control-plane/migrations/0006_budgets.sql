-- What was spent of a budget in one window, by leases that are over.
create table budget_window (
  project text not null,
  budget text not null,
  start_ms bigint not null,
  settled_nanos bigint not null default 0,
  primary key (project, budget, start_ms)
);

-- A gateway's part of a budget. It is open until the gateway says that it is over, or its time has passed: then all
-- of it counts as spent.
create table budget_lease (
  id text primary key,
  gateway text not null,
  project text not null,
  budget text not null,
  start_ms bigint not null,
  granted_nanos bigint not null,
  settled_nanos bigint not null default 0,
  until_ms bigint not null
);
create index budget_lease_of on budget_lease (project, budget, start_ms);
