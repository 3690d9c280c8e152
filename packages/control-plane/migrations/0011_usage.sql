-- What requests used, as gateways tell it, by hour.
create table usage_hour (
  hour_ms bigint not null,
  project text not null,
  key text not null,
  route text not null,
  model text not null,
  requests bigint not null,
  failed bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cached_tokens bigint not null,
  cost_nanos bigint not null,
  unpriced bigint not null,
  primary key (project, hour_ms, key, route, model)
);
create index usage_hour_by_time on usage_hour (hour_ms);

-- The last report of each start of a gateway: one that comes again counts no more.
create table usage_gateway (
  gateway text primary key,
  sequence bigint not null,
  seen_ms bigint not null
);
