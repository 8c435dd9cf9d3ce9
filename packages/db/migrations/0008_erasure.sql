-- Governed recovery, part 5: where copies of what was erased may still stand, as far as the database
-- can tell.
--
-- A deleted row is out of reach of every query at once, and its bytes are not: the dead row stands in
-- its page until VACUUM frees it, the freed bytes until something else is written over them, and both
-- in the WAL and in backups of the files.

-- One transaction that erased. The xmin of its row is the transaction that deleted the others: so it is
-- never updated.
CREATE TABLE recovery.erasure (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  claim_id uuid NOT NULL REFERENCES recovery.claim (id),
  erased_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  wal_position pg_lsn NOT NULL DEFAULT pg_current_wal_insert_lsn()
);
CREATE INDEX erasure_by_claim ON recovery.erasure (claim_id);
CREATE INDEX erased_by_erasure ON maskline.erased (erasure);

-- The files that it deleted from, and what became of them.
CREATE TABLE recovery.erasure_file (
  erasure bigint NOT NULL REFERENCES recovery.erasure (id),
  place text NOT NULL CHECK (place IN ('seeds', 'sealed_records', 'quarantine', 'tokens')),
  relation oid NOT NULL,
  -- As long as a snapshot may keep the dead rows, a new file has them too: until then the newest.
  file oid NOT NULL,
  is_unreachable boolean NOT NULL DEFAULT false,
  vacuumed_at timestamptz,
  vacuumed_position pg_lsn,
  rewritten_at timestamptz,
  PRIMARY KEY (erasure, relation)
);

-- The tables that rows of these days stand in, or stood in before their month had a partition, and
-- quarantine if one of the records is there; each with what PostgreSQL keeps out of line for it.
CREATE FUNCTION recovery.tables_of(p_contract maskline.contract, p_records uuid[], p_dates date[])
RETURNS TABLE (place text, relation regclass)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH named AS (
    SELECT source.place, to_regclass(format('maskline.%I', source.name || suffix)) AS relation
    FROM (VALUES ('seeds', 'seed'), ('sealed_records', 'vault'), ('tokens', p_contract.table_name))
        AS source (place, name),
      (SELECT DISTINCT to_char(day, '_YYYY_MM') FROM unnest(p_dates) AS day
       UNION ALL SELECT '_default') AS month (suffix)
    WHERE source.place <> 'tokens' OR p_contract.tokens <> '{}'
    UNION ALL
    SELECT 'quarantine', 'maskline.quarantine'::regclass
    WHERE EXISTS (SELECT FROM maskline.quarantine WHERE record_id = ANY (p_records))
  )
  SELECT named.place, kept.relation FROM named JOIN pg_class ON pg_class.oid = named.relation,
    unnest(ARRAY[named.relation, pg_class.reltoastrelid]) AS kept (relation)
  WHERE kept.relation <> 0
$$;

-- Before the rows are deleted; and no crash takes that back.
CREATE FUNCTION recovery.note_erasure(p_claim uuid, p_contract maskline.contract, p_records uuid[],
  p_dates date[])
RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_erasure bigint;
BEGIN
  PERFORM recovery.commit_to_disk();
  INSERT INTO recovery.erasure (claim_id) VALUES (p_claim) RETURNING id INTO v_erasure;
  PERFORM recovery.note_erased_from(v_erasure, p_contract, p_records, p_dates);
  RETURN v_erasure;
END
$$;

-- The files of these rows, and of quarantine if one of the records is there still.
CREATE FUNCTION recovery.note_erased_from(p_erasure bigint, p_contract maskline.contract, p_records uuid[],
  p_dates date[])
RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO recovery.erasure_file (erasure, place, relation, file)
  SELECT p_erasure, place, relation, pg_relation_filenode(relation)
  FROM recovery.tables_of(p_contract, p_records, p_dates)
  ON CONFLICT DO NOTHING
$$;

-- Takes erased tokens out of the planner's statistics: by new ones. Where somebody holds the table's lock,
-- erasure_places says that they stand there.
CREATE FUNCTION recovery.sample_anew(p_claim uuid, p_contract maskline.contract) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_columns text := (SELECT string_agg(quote_ident(column_name), ', ')
    FROM jsonb_each_text(p_contract.tokens) AS token (field, column_name));
  v_relation regclass;
BEGIN
  PERFORM set_config('lock_timeout', '2s', true);
  FOR v_relation IN
    SELECT DISTINCT pg_class.oid::regclass
    FROM recovery.erasure JOIN recovery.erasure_file ON erasure = id JOIN pg_class ON pg_class.oid = relation
    WHERE claim_id = p_claim AND place = 'tokens' AND relkind = 'r' AND v_columns IS NOT NULL
  LOOP
    EXECUTE format('ANALYZE %s (%s)', v_relation, v_columns);
  END LOOP;
EXCEPTION WHEN lock_not_available THEN
  NULL;
END
$$;

CREATE FUNCTION recovery.day(p_at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
$$;

-- A transaction's id with its epoch: such as are within 2^32 of the next.
CREATE FUNCTION recovery.full_xid(p_xid xid) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT upper - (upper - p_xid::text::bigint) % 4294967296
  FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 1048576) AS following (upper)
$$;

-- What keeps dead rows from being removed: the oldest transaction of each that one of these may still see.
CREATE FUNCTION recovery.holders() RETURNS TABLE (place text, oldest bigint, since timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT 'snapshots', recovery.full_xid(held), NULL::timestamptz
  FROM pg_stat_activity, unnest(ARRAY[backend_xmin, backend_xid]) AS held
  WHERE pid <> pg_backend_pid() AND held IS NOT NULL
    AND coalesce(datname, current_database()) = current_database()
  UNION ALL
  SELECT 'prepared_transactions', recovery.full_xid(transaction), prepared
  FROM pg_prepared_xacts WHERE database = current_database()
  UNION ALL
  SELECT 'replication_slots', recovery.full_xid(xmin), NULL
  FROM pg_replication_slots WHERE xmin IS NOT NULL
$$;

-- Looks what became of the files, and writes down when that was first seen.
--
-- No transaction that is older than relfrozenxid stands in a table any more: once it has passed that of
-- the erasure, the dead rows are gone from it. What VACUUM freed is overwritten when it happens to be;
-- only a new file, or an empty one, is without it for certain.
CREATE FUNCTION recovery.check_files(p_erasures bigint[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  WITH looked AS (
    SELECT erasure_file.erasure, erasure_file.relation, pg_class.relfilenode AS file,
      coalesce((SELECT min(oldest) FROM recovery.holders()) > deleted_in, true) AS is_unreachable,
      is_empty OR recovery.full_xid(pg_class.relfrozenxid) > deleted_in AS is_vacuumed, is_empty
    FROM recovery.erasure_file
      JOIN (SELECT id, recovery.full_xid(xmin) AS deleted_in FROM recovery.erasure) AS deletion ON id = erasure
      LEFT JOIN pg_class ON pg_class.oid = relation,
      coalesce(pg_relation_size(pg_class.oid), 0) AS size, CAST(size = 0 AS boolean) AS is_empty
    WHERE erasure = ANY (p_erasures) AND rewritten_at IS NULL
  )
  UPDATE recovery.erasure_file AS known SET
    file = CASE WHEN known.is_unreachable THEN known.file ELSE coalesce(looked.file, known.file) END,
    is_unreachable = known.is_unreachable OR looked.is_unreachable,
    vacuumed_at = CASE WHEN is_vacuumed THEN coalesce(vacuumed_at, clock_timestamp()) END,
    vacuumed_position = CASE WHEN is_vacuumed THEN coalesce(vacuumed_position, pg_current_wal_insert_lsn()) END,
    rewritten_at = CASE WHEN is_empty OR is_vacuumed AND known.is_unreachable AND looked.file <> known.file
      THEN clock_timestamp() END
  FROM looked WHERE known.erasure = looked.erasure AND known.relation = looked.relation
$$;

-- What of these records can be read by a query: by place, the tables it stands in.
CREATE FUNCTION recovery.standing(p_records uuid[]) RETURNS TABLE (place text, relation text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_contract maskline.contract;
  v_stands boolean;
BEGIN
  -- By each table: one that was detached from its parent holds its rows still.
  FOR place, relation IN
    SELECT CASE WHEN relname ~ '^seed' THEN 'seeds' WHEN relname ~ '^vault' THEN 'sealed_records'
      ELSE 'quarantine' END, pg_class.oid::regclass::text
    FROM pg_class
    WHERE relnamespace = 'maskline'::regnamespace AND relkind = 'r'
      AND relname ~ '^((seed|vault)_(\d{4}_\d{2}|default)|quarantine)$'
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE record_id = ANY ($1))', relation)
    INTO v_stands USING p_records;
    IF v_stands THEN RETURN NEXT; END IF;
  END LOOP;
  place := 'tokens';
  FOR v_contract IN SELECT * FROM maskline.contract LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%I AS entry WHERE record_id = ANY ($1) AND %s)',
      v_contract.table_name, recovery.some_token(v_contract, '%s <> ''erased'''))
    INTO v_stands USING p_records;
    relation := format('public.%I', v_contract.table_name);
    IF v_stands THEN RETURN NEXT; END IF;
  END LOOP;
END
$$;

-- The tables whose statistics may hold a token or a sealed value of before `p_since`.
CREATE FUNCTION recovery.sampled(p_since timestamptz) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT DISTINCT format('%I.%I', kept.schemaname, kept.tablename)
  FROM pg_stats AS kept
    LEFT JOIN pg_stat_all_tables AS known
      ON known.schemaname = kept.schemaname AND known.relname = kept.tablename
  WHERE (kept.most_common_vals IS NOT NULL OR kept.histogram_bounds IS NOT NULL)
    AND (kept.schemaname = 'maskline' AND kept.attname IN ('seed', 'sealed', 'subject_tag')
      OR kept.schemaname IN ('maskline', 'public')
        AND EXISTS (SELECT FROM maskline.contract, jsonb_each_text(tokens) AS token (field, column_name)
          WHERE column_name = kept.attname AND regexp_replace(kept.tablename, '_(\d{4}_\d{2}|default)$', '') = table_name))
    AND (greatest(known.last_analyze, known.last_autoanalyze) > p_since) IS NOT TRUE
$$;

-- Each place that may hold a copy, and why it does: null where it holds none. `until` is a day, where one
-- is known.
CREATE FUNCTION recovery.erasure_places(p_erasures bigint[], p_records uuid[])
RETURNS TABLE (place text, reason text, relations text[], count bigint, since text, until text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_policy recovery.policy;
  v_erased_at timestamptz;
  v_deleted_in bigint;
  v_position pg_lsn;
  v_rewritten_at timestamptz;
  v_keeps_tokens boolean;
  v_until timestamptz;
  v_is_archived boolean;
BEGIN
  PERFORM recovery.check_files(p_erasures);
  SELECT * INTO STRICT v_policy FROM recovery.policy;
  SELECT max(erased_at), max(recovery.full_xid(erasure.xmin)),
    bool_or(coalesce((selector ->> 'keepTokens')::boolean, false))
  INTO v_erased_at, v_deleted_in, v_keeps_tokens
  FROM recovery.erasure JOIN recovery.claim ON claim.id = claim_id
    JOIN recovery.access_grant ON access_grant.id = grant_id
  WHERE erasure.id = ANY (p_erasures);
  -- Nulls where one is not yet so.
  SELECT CASE WHEN bool_and(vacuumed_at IS NOT NULL) THEN max(vacuumed_position) END,
    CASE WHEN bool_and(rewritten_at IS NOT NULL) THEN max(rewritten_at) END
  INTO v_position, v_rewritten_at
  FROM recovery.erasure_file
  WHERE erasure = ANY (p_erasures) AND (place = 'seeds' OR place = 'tokens' AND NOT v_keeps_tokens);

  RETURN QUERY
    WITH found AS (
      SELECT place, CASE WHEN place = 'tokens' AND v_keeps_tokens THEN 'kept' ELSE 'stands' END AS reason, relation
      FROM recovery.standing(p_records)
      UNION
      SELECT place, CASE WHEN vacuumed_at IS NULL THEN 'not_vacuumed' ELSE 'not_rewritten' END,
        relation::regclass::text
      FROM recovery.erasure_file
      WHERE erasure = ANY (p_erasures) AND rewritten_at IS NULL
        -- Without its seed a sealed record opens nothing: that its bytes are out of a query's reach will do.
        AND (vacuumed_at IS NULL OR place IN ('seeds', 'tokens'))
        AND NOT (place = 'tokens' AND v_keeps_tokens)
    ), listed (place, rank) AS (
      VALUES ('seeds', 1), ('sealed_records', 2), ('quarantine', 3), ('tokens', 4)
    )
    SELECT place, reason, coalesce(array_agg(relation ORDER BY relation) FILTER (WHERE relation IS NOT NULL), '{}'),
      NULL::bigint, NULL, NULL
    FROM listed LEFT JOIN found USING (place) GROUP BY rank, place, reason ORDER BY rank, reason;

  RETURN QUERY
    SELECT 'statistics', CASE WHEN cardinality(names) > 0 THEN 'sampled' END, names, NULL::bigint, NULL, NULL
    FROM (SELECT ARRAY(SELECT recovery.sampled(v_erased_at))) AS sampled (names);

  RETURN QUERY
    SELECT kinds.place, CASE WHEN count(oldest) > 0 THEN 'held' END, '{}'::text[], count(oldest),
      recovery.day(min(since)), NULL
    FROM (VALUES ('snapshots', 1), ('prepared_transactions', 2)) AS kinds (place, rank)
      LEFT JOIN recovery.holders() AS held ON held.place = kinds.place AND oldest <= v_deleted_in
    GROUP BY kinds.place, rank ORDER BY rank;

  -- A slot keeps dead rows by its xmin, and the WAL from its position on.
  RETURN QUERY
    SELECT 'replication_slots', CASE WHEN count(*) > 0 THEN 'held' END, '{}'::text[], count(*), NULL, NULL
    FROM pg_replication_slots
    WHERE recovery.full_xid(xmin) <= v_deleted_in
      OR restart_lsn < coalesce(v_position, (SELECT min(wal_position) FROM recovery.erasure WHERE id = ANY (p_erasures)));

  RETURN QUERY
    SELECT 'publications', CASE WHEN count(*) > 0 THEN 'published' END, coalesce(array_agg(DISTINCT name), '{}'),
      NULL::bigint, NULL, NULL
    FROM (SELECT format('%I.%I', schemaname, tablename) FROM pg_publication_tables
      WHERE schemaname = 'maskline' AND tablename ~ '^(seed|vault|quarantine|batch_key)') AS published (name);

  -- The WAL holds what the files held until they were vacuumed. A segment is written over once the
  -- checkpoints have left it behind, and those that were recycled ahead of them are used up.
  v_until := (SELECT max(vacuumed_at) + make_interval(days => v_policy.backup_days)
    FROM recovery.erasure_file WHERE erasure = ANY (p_erasures));
  v_is_archived := current_setting('archive_mode') <> 'off' AND v_until > clock_timestamp();
  RETURN QUERY
    SELECT 'wal', CASE
        WHEN v_position IS NULL THEN 'not_vacuumed'
        WHEN v_is_archived THEN 'archived'
        WHEN redo_lsn - v_position <= 2 * pg_size_bytes(current_setting('max_wal_size'))
          + pg_size_bytes(current_setting('wal_keep_size')) THEN 'not_overwritten' END,
      '{}'::text[], NULL::bigint, NULL,
      CASE WHEN v_position IS NOT NULL AND v_is_archived THEN recovery.day(v_until) END
    FROM pg_control_checkpoint();

  -- A copy of the files holds what the files held; a dump, what a query could read.
  v_until := v_rewritten_at + make_interval(days => v_policy.backup_days);
  RETURN QUERY
    SELECT 'backups', CASE WHEN v_until IS NULL THEN 'not_rewritten'
        WHEN v_until > clock_timestamp() THEN 'kept' END,
      '{}'::text[], v_policy.backup_days::bigint, NULL, recovery.day(v_until);
END
$$;

-- Where copies of one erased record may stand. The first row says whether it was erased: "erased", or
-- "not_erased" where it was not, though something of it stands, or "unknown".
CREATE FUNCTION recovery.erasure_of_record(p_record uuid)
RETURNS TABLE (place text, reason text, relations text[], count bigint, since text, until text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_erased maskline.erased;
BEGIN
  PERFORM recovery.require_read_committed();
  SELECT * INTO v_erased FROM maskline.erased WHERE record_id = p_record;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'record', CASE WHEN count(*) > 0 THEN 'not_erased' ELSE 'unknown' END,
      coalesce(array_agg(standing.relation), '{}'), NULL::bigint, NULL, NULL
    FROM recovery.standing(ARRAY[p_record]) AS standing;
    RETURN;
  END IF;
  RETURN QUERY SELECT 'record', 'erased', '{}'::text[], 1::bigint, to_char(v_erased.erased_on, 'YYYY-MM-DD'), NULL;
  RETURN QUERY SELECT * FROM recovery.erasure_places(ARRAY[v_erased.erasure], ARRAY[p_record]);
END
$$;

-- The same of all that was erased under a claim of the caller's; whether it can be read is asked of 10,000
-- of its records at most.
CREATE FUNCTION recovery.erasure_of_claim(p_claim uuid)
RETURNS TABLE (place text, reason text, relations text[], count bigint, since text, until text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_erasures bigint[] := ARRAY(
    SELECT erasure.id FROM recovery.erasure JOIN recovery.claim ON claim.id = claim_id
    WHERE claim_id = p_claim AND claimant = recovery.person());
BEGIN
  PERFORM recovery.require_read_committed();
  IF cardinality(v_erasures) > 0 THEN
    RETURN QUERY SELECT * FROM recovery.erasure_places(v_erasures,
      ARRAY(SELECT record_id FROM maskline.erased WHERE erasure = ANY (v_erasures) LIMIT 10000));
  END IF;
  RETURN QUERY
    SELECT 'untagged_quarantine', CASE WHEN count(*) > 0 THEN 'unread' END, '{}'::text[], count(*), NULL,
      to_char(max(quarantined_on), 'YYYY-MM-DD')
    FROM maskline.quarantine AS refused
    WHERE subject_tag IS NULL AND contract = (SELECT contract FROM recovery.claim
      JOIN recovery.access_grant ON access_grant.id = grant_id WHERE claim.id = p_claim AND claimant = recovery.person());
END
$$;

-- What makes the server's log repeat the parameters of statements: in this session, and by role where one
-- has a setting of its own in this database.
CREATE FUNCTION recovery.log_settings() RETURNS TABLE (role text, name text, setting text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT NULL::text, name, setting FROM pg_settings
  WHERE name ~ '^(log_(statement|min_duration|parameter|transaction)|debug_print|auto_explain\.|pgaudit\.)'
  UNION ALL
  SELECT coalesce(rolname::text, '*'), split_part(entry, '=', 1), substr(entry, strpos(entry, '=') + 1)
  FROM pg_db_role_setting LEFT JOIN pg_roles ON pg_roles.oid = setrole, unnest(setconfig) AS entry
  WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    AND entry ~ '^(log_(statement|min_duration|parameter|transaction)|debug_print|auto_explain\.|pgaudit\.)'
$$;

-- Gives one table of seeds a new file, without the bytes of those that were erased: of a month before the
-- current one, to which only late messages are written, and these wait meanwhile. Returns its name; null
-- where no such month is left.
CREATE FUNCTION maskline.rewrite_seeds() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_table name;
BEGIN
  PERFORM recovery.check_files(ARRAY(
    SELECT DISTINCT erasure FROM recovery.erasure_file WHERE place = 'seeds' AND rewritten_at IS NULL));
  SELECT relname INTO v_table
  FROM recovery.erasure_file JOIN pg_class ON pg_class.oid = relation
  WHERE place = 'seeds' AND is_unreachable AND rewritten_at IS NULL
    AND relname < 'seed' || to_char(now() AT TIME ZONE 'UTC', '_YYYY_MM') AND relname ~ '^seed_\d{4}_\d{2}$'
  ORDER BY relname LIMIT 1;
  IF FOUND THEN EXECUTE format('CLUSTER maskline.%I USING %I', v_table, v_table || '_pkey'); END IF;
  RETURN v_table;
END
$$;

CREATE INDEX erased_by_day ON maskline.erased (erased_on, record_id);

-- What was erased after this day and id, by day: what has to be erased again in a database that was restored
-- to a time before.
CREATE FUNCTION recovery.list_erased(p_since date, p_after uuid, p_limit integer)
RETURNS TABLE (record_id uuid, erased_on text, contract text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT known.record_id, to_char(known.erased_on, 'YYYY-MM-DD'), (
    SELECT access_grant.contract
    FROM recovery.erasure JOIN recovery.claim ON claim.id = erasure.claim_id
      JOIN recovery.access_grant ON access_grant.id = claim.grant_id
    WHERE erasure.id = known.erasure)
  FROM maskline.erased AS known
  WHERE (known.erased_on, known.record_id) > (p_since, p_after)
  ORDER BY known.erased_on, known.record_id LIMIT least(p_limit, 10000)
$$;

-- The server's history as the owner knows it. A restore, and the end of a standby's recovery, begin a new
-- timeline; a dump, and pg_upgrade, go into another system.
CREATE TABLE recovery.server_history (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  system_identifier bigint NOT NULL,
  timeline text NOT NULL
);

CREATE FUNCTION recovery.server_history_now() RETURNS recovery.server_history
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT true, system_identifier, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
  FROM pg_control_system()
$$;
INSERT INTO recovery.server_history SELECT (recovery.server_history_now()).*;

-- Whether the server goes on from another one's state. What that one did later is gone, messages that were
-- deleted from the queue and erasures among it: docs/operations/restore.md. A server that is a standby says no.
CREATE FUNCTION maskline.is_restored() RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF pg_is_in_recovery() THEN RETURN false; END IF;
  RETURN (SELECT known FROM recovery.server_history AS known) IS DISTINCT FROM recovery.server_history_now();
END
$$;

-- What it lacks was dealt with. Returns whether there was something to deal with.
CREATE FUNCTION maskline.accept_restore() RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_is_restored boolean := maskline.is_restored();
BEGIN
  UPDATE recovery.server_history AS known
  SET (system_identifier, timeline) = (SELECT system_identifier, timeline FROM recovery.server_history_now());
  RETURN v_is_restored;
END
$$;

REVOKE ALL ON ALL TABLES IN SCHEMA recovery FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA recovery FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recovery.erasure_of_claim(uuid) TO maskline_custodian;
GRANT EXECUTE ON FUNCTION maskline.is_restored() TO maskline_writer;
GRANT EXECUTE ON FUNCTION recovery.list_erased(date, uuid, integer),
  recovery.erasure_of_record(uuid) TO maskline_custodian, maskline_auditor;
GRANT EXECUTE ON FUNCTION recovery.log_settings()
  TO maskline_requester, maskline_approver, maskline_custodian, maskline_auditor;
