-- Responses that callers asked to be kept: what gateways save and load for them. No record of the ledger: they are
-- the callers' data, not the system's state.
create table stored_response (
  project text not null,
  id text not null,
  route text not null,
  expires_at_ms bigint not null,
  body text not null, -- JSON as it was said: a jsonb takes no \u0000, which models do say
  primary key (project, id)
);
create index stored_response_expiry on stored_response (expires_at_ms);
