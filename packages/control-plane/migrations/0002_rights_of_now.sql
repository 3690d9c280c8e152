-- A blob is reached through the projects that brought all of its bytes: knowing a digest opens nothing.
create table blob_grant (
  digest text not null,
  project text not null,
  primary key (digest, project)
);
insert into blob_grant
  select distinct file #>> '{}', project
  from resource, jsonb_path_query(spec, '$.**.digest') as file
  where kind = 'Model' and not deleted;

-- A join token lets in on its maker's rights as they are when it is used. Tokens from before name no key.
delete from join_token;
alter table join_token drop column created_by, add column creator jsonb not null;
