-- Gateways are forgotten after more than a year, with each report.
create index usage_gateway_by_time on usage_gateway (seen_ms);
