-- What a Route, or the Provider of a tool, says of how long bodies are kept holds for those that are kept already.
alter table kept_request add column route text not null default '';
-- As JSON, some of what is kept cannot be read; within a text a quote has a backslash before it.
update kept_request set route = coalesce(substring(document from '"route":"([^"]*)"'), '');
