-- When somebody last wanted more of a budget than there was: who holds some of it and uses it not gives that back.
alter table budget_window add column refused_ms bigint not null default 0;
-- Of a year of hours those few are looked for with every word of a gateway.
create index budget_window_refused on budget_window (project, budget) where refused_ms > 0;
