-- Ticks that policy refused since one was let pass, and why the last one was.
alter table workflow_schedule add column refused_ticks int not null default 0;
alter table workflow_schedule add column refused_at_ms double precision;
alter table workflow_schedule add column refusal text;
