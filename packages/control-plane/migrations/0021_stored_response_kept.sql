-- What a Route says of how long responses are kept holds for those that are kept already; of earlier ones nobody knows
-- since when they are.
alter table stored_response add column kept_at_ms bigint;
