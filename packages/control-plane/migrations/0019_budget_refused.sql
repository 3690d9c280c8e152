-- When somebody last wanted more of a budget than there was: who holds some of it and uses it not gives that back.
alter table budget_window add column refused_ms bigint not null default 0;
