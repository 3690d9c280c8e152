-- Snapshots are numbered by the database, not by a clock that somebody may set back: a gateway takes none
-- that is older than the one it holds. It goes on from the clock, by which they were numbered before.
create sequence snapshot_number;
select setval('snapshot_number', (extract(epoch from now()) * 1000)::bigint);
