-- What an administrator runs once in an empty database, before the first migration. docker-compose.yml
-- has psql run it; elsewhere, take other passwords.

-- Nobody logs in as these: programs and people are made members of them.
SELECT format('CREATE ROLE %I NOLOGIN', name)
FROM unnest(ARRAY[
  'maskline_owner',
  'maskline_writer',
  'maskline_analyst',
  'maskline_requester',
  'maskline_approver',
  'maskline_custodian',
  'maskline_auditor',
  'maskline_console'
]) AS name
WHERE to_regrole(name) IS NULL
\gexec

-- All that a migration needs besides: no program logs in as a superuser.
GRANT CREATE ON DATABASE :"DBNAME" TO maskline_owner;
GRANT USAGE, CREATE ON SCHEMA public TO maskline_owner;
GRANT USAGE ON SCHEMA public TO maskline_writer, maskline_analyst;

-- Whatever the server logs: seeds, sealed records and subjects are parameters of statements, and no
-- erasure reaches a log.
ALTER DATABASE :"DBNAME" SET log_parameter_max_length = 0;
ALTER DATABASE :"DBNAME" SET log_parameter_max_length_on_error = 0;

CREATE ROLE migrator LOGIN PASSWORD 'migrator' IN ROLE maskline_owner;
CREATE ROLE consumer LOGIN PASSWORD 'consumer' IN ROLE maskline_writer;
