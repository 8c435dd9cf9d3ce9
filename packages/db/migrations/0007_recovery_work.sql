-- Governed recovery, part 4: a custodian's work. Long, in batches, and resumable: the claim stays
-- open until its result is reported or its grant ends, and each batch is a transaction of its own.

-- Whether the value is that of the grant's subject; true of a grant that keeps no value's MAC.
CREATE FUNCTION recovery.is_subject_of(p_selector jsonb, p_subject text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT NOT p_selector ? 'subject'
    OR recovery.subject_mac(p_subject) IS NOT DISTINCT FROM p_selector ->> 'subject'
$$;

-- Opens the grant's claim, or finds the one that an interrupted run left open. p_subject: the value of
-- the subject whose MAC the grant keeps, else null.
CREATE FUNCTION recovery.claim_work(p_grant uuid, p_capability text, p_subject text, p_claim uuid)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_refusal text;
  v_grant recovery.access_grant;
  v_open recovery.claim;
  v_answer jsonb;
BEGIN
  PERFORM recovery.require(p_grant IS NOT NULL AND p_claim IS NOT NULL
    AND p_capability IN ('erase', 'rewrap', 'retoken') AND coalesce(octet_length(p_subject), 1) <= 4096);
  PERFORM recovery.abandon_overdue(recovery.person());
  v_refusal := recovery.check_grant(p_grant, p_capability, '{}', 0);
  SELECT * INTO v_grant FROM recovery.access_grant WHERE id = p_grant;
  IF v_refusal IS NULL AND NOT recovery.is_subject_of(v_grant.selector, p_subject) THEN
    v_refusal := 'wrong_records';
  END IF;
  IF v_refusal IS NOT NULL THEN
    RETURN recovery.refuse(v_refusal, v_grant.id, jsonb_build_object('capability', p_capability));
  END IF;

  -- Without a lock: claims end only under that of audit_head, which check_grant took.
  SELECT * INTO v_open FROM recovery.claim WHERE grant_id = p_grant AND closed_at IS NULL;
  IF FOUND THEN
    RETURN recovery.answer_claim(v_open.id, v_open.intent_seq, v_open.deadline) || '{"resumed": true}';
  END IF;
  -- It costs the grant nothing, and each is a row of the audit.
  IF (SELECT count(*) FROM recovery.claim
      WHERE claimant = recovery.person() AND claimed_at > clock_timestamp() - interval '1 hour' AND grant_id = p_grant)
    >= (SELECT requests_per_hour FROM recovery.policy) THEN
    RETURN recovery.refuse('too_many_claims', p_grant);
  END IF;
  v_answer := recovery.open_claim(p_claim, p_grant, '{}', '{}', 0, v_grant.expires_at,
    jsonb_build_object('selector', v_grant.selector, 'records', v_grant.record_count,
      'digest', encode(v_grant.records_digest, 'hex')));
  RETURN v_answer;
END
$$;

-- The grant's selector with the value of the subject whose MAC it keeps.
CREATE FUNCTION recovery.work_selector(p_grant recovery.access_grant, p_subject text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM recovery.require(coalesce(octet_length(p_subject), 1) <= 4096);
  IF NOT recovery.is_subject_of(p_grant.selector, p_subject) THEN
    RAISE EXCEPTION USING ERRCODE = 'MK003', MESSAGE = 'the grant is for another subject';
  END IF;
  RETURN CASE WHEN p_grant.selector ? 'subject'
    THEN p_grant.selector || jsonb_build_object('subject', p_subject) ELSE p_grant.selector END;
END
$$;

-- Counts what the selector means by now and the grant does not list: it came after the request, nobody
-- approved it, and it is not touched. A page in a call; through once "isDone".
CREATE FUNCTION recovery.count_arrived(p_claim uuid, p_subject text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_claim recovery.claim := recovery.require_claim(p_claim, '{erase,rewrap,retoken}');
  v_grant recovery.access_grant;
  v_contract maskline.contract;
  v_selector jsonb;
  v_page record;
  v_records uuid[];
BEGIN
  SELECT * INTO STRICT v_grant FROM recovery.access_grant WHERE id = v_claim.grant_id;
  v_contract := recovery.contract_named(v_grant.contract);
  v_selector := recovery.work_selector(v_grant, p_subject);
  IF v_claim.arrived_to IS NULL OR v_selector ->> 'kind' IN ('records', 'quarantine') THEN
    RETURN jsonb_build_object('arrived', v_claim.arrived, 'isDone', true);
  END IF;
  v_page := recovery.work_page(v_contract, v_selector, v_claim.arrived_to);
  v_records := v_page.records;
  IF v_page.last IS NULL THEN
    v_records := ARRAY(SELECT record_id FROM recovery.tagged(v_contract, v_selector));
  END IF;
  UPDATE recovery.claim SET arrived_to = v_page.last, arrived = arrived + (
    SELECT count(*) FROM (SELECT unnest(v_records)
      EXCEPT SELECT record_id FROM recovery.grant_record
      WHERE grant_id = v_grant.id AND record_id = ANY (v_records)) AS come)
  WHERE id = p_claim RETURNING * INTO v_claim;
  RETURN jsonb_build_object('arrived', v_claim.arrived, 'isDone', v_claim.arrived_to IS NULL);
END
$$;

-- Puts 'erased' in the place of each token of these rows, if it has one and `p_test` holds.
CREATE FUNCTION recovery.erase_tokens(p_contract maskline.contract, p_records uuid[], p_dates date[],
  p_test text DEFAULT 'true')
RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_changes text := (SELECT string_agg(
      format('%1$I = CASE WHEN entry.%1$I IS NOT NULL THEN ''erased'' END', column_name), ', ')
    FROM jsonb_each_text(p_contract.tokens) AS token (field, column_name));
  v_count bigint := 0;
BEGIN
  IF v_changes IS NOT NULL THEN
    EXECUTE format(
      'UPDATE public.%I AS entry SET %s FROM unnest($1, $2) AS batch (record_id, create_date)
       WHERE entry.record_id = batch.record_id AND entry.create_date = batch.create_date AND %s',
      p_contract.table_name, v_changes, p_test) USING p_records, p_dates;
    GET DIAGNOSTICS v_count = ROW_COUNT;
  END IF;
  RETURN v_count;
END
$$;

-- Where these records stand: on the days that the grant lists, and on any other that somebody wrote them under.
CREATE FUNCTION recovery.places_of(p_contract maskline.contract, p_records uuid[], p_dates date[])
RETURNS TABLE (record_id uuid, create_date date)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT listed.record_id, listed.create_date FROM unnest($1, $2) AS listed (record_id, create_date)
     UNION SELECT seed.record_id, seed.create_date FROM maskline.seed WHERE seed.record_id = ANY ($1)
     UNION SELECT vault.record_id, vault.create_date FROM maskline.vault WHERE vault.record_id = ANY ($1)
     UNION SELECT entry.record_id, entry.create_date FROM public.%I AS entry WHERE entry.record_id = ANY ($1)',
    p_contract.table_name) USING p_records, p_dates;
END
$$;

-- Erases the next records of the grant; "isDone" when none is left.
--
-- Their ids first: from then on nothing sealed is handed out under them, whatever is put back. Then the
-- seeds: without them nothing that is left can be opened.
CREATE FUNCTION recovery.erase_next(p_claim uuid, p_subject text, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_claim recovery.claim := recovery.require_claim(p_claim, '{erase}');
  v_grant recovery.access_grant;
  v_contract maskline.contract;
  v_selector jsonb;
  v_records uuid[];
  v_dates date[];
  v_count bigint;
  v_erasure bigint;
  v_seeds bigint;
BEGIN
  PERFORM recovery.require(p_limit > 0);
  SELECT * INTO STRICT v_grant FROM recovery.access_grant WHERE id = v_claim.grant_id;
  v_contract := recovery.contract_named(v_grant.contract);
  v_selector := recovery.work_selector(v_grant, p_subject);
  SELECT coalesce(array_agg(record_id ORDER BY record_id), '{}'),
    coalesce(array_agg(create_date ORDER BY record_id), '{}')
  INTO v_records, v_dates
  FROM (SELECT record_id, create_date FROM recovery.grant_record
    WHERE grant_id = v_grant.id AND record_id > v_claim.walked_to
    ORDER BY record_id LIMIT least(p_limit, 10000)) AS batch;
  IF cardinality(v_records) = 0 THEN
    PERFORM recovery.sample_anew(p_claim, v_contract);
    RETURN jsonb_build_object('erased', 0, 'seeds', 0, 'isDone', true);
  END IF;
  UPDATE recovery.claim SET walked_to = v_records[cardinality(v_records)] WHERE id = p_claim;
  v_count := cardinality(v_records);
  v_erasure := recovery.note_erasure(p_claim, v_contract, v_records, v_dates);
  INSERT INTO maskline.erased (record_id, erasure) SELECT unnest(v_records), v_erasure
  ON CONFLICT (record_id) DO UPDATE SET erasure = excluded.erasure;
  -- A retry that is under way has the message's lock, and makes a row, a seal and a seed of it: what follows sees them.
  DELETE FROM maskline.quarantine WHERE record_id = ANY (v_records);
  SELECT array_agg(record_id), array_agg(create_date) INTO v_records, v_dates
  FROM recovery.places_of(v_contract, v_records, v_dates);
  PERFORM recovery.note_erased_from(v_erasure, v_contract, v_records, v_dates);
  DELETE FROM maskline.seed USING unnest(v_records, v_dates) AS batch (record_id, create_date)
  WHERE seed.record_id = batch.record_id AND seed.create_date = batch.create_date;
  GET DIAGNOSTICS v_seeds = ROW_COUNT;
  DELETE FROM maskline.vault USING unnest(v_records, v_dates) AS batch (record_id, create_date)
  WHERE vault.record_id = batch.record_id AND vault.create_date = batch.create_date;
  IF NOT coalesce((v_selector ->> 'keepTokens')::boolean, false) THEN
    PERFORM recovery.erase_tokens(v_contract, v_records, v_dates);
  END IF;
  PERFORM recovery.note_changed(p_claim, v_count);
  RETURN jsonb_build_object('erased', v_count, 'seeds', v_seeds, 'isDone', false);
END
$$;

-- Those of the grant that are the old recipient's still.
CREATE FUNCTION recovery.rewrap_next(p_claim uuid, p_after uuid, p_limit integer)
RETURNS TABLE (id uuid, recipient text, sealed bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_grant recovery.access_grant := recovery.grant_of(recovery.require_fetch(p_claim, '{rewrap}'));
  v_count bigint;
BEGIN
  RETURN QUERY
    SELECT key.id, key.recipient::text, key.sealed
    FROM recovery.grant_record AS listed JOIN maskline.batch_key AS key ON key.id = listed.record_id
    WHERE listed.grant_id = v_grant.id AND listed.record_id > p_after
      AND key.recipient = v_grant.selector ->> 'from'
    ORDER BY listed.record_id LIMIT least(p_limit, 10000);
  GET DIAGNOSTICS v_count = ROW_COUNT;
  PERFORM recovery.note_handed_out(p_claim, v_count);
END
$$;

-- PostgreSQL's own errors repeat the value that does not fit, to the caller and into the server's log.
CREATE FUNCTION recovery.fail_without_value(p_state text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = p_state, MESSAGE = 'a value has not the form that it takes';
END
$$;

-- Whether this is a list of at most 10,000, and not more than 64 MiB in all.
CREATE FUNCTION recovery.is_batch(p_list jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN pg_column_size(p_list) <= 67108864 AND jsonb_typeof(p_list) = 'array'
    THEN jsonb_array_length(p_list) <= 10000 ELSE false END
$$;

-- p_keys: [{id, sealed}]; bytes here and below as \x and hexadecimal. The new sealed key and the end of
-- the old one are one transaction. Returns how many were moved.
CREATE FUNCTION recovery.rewrap_store(p_claim uuid, p_keys jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_grant recovery.access_grant := recovery.grant_of(recovery.require_claim(p_claim, '{rewrap}'));
  v_count integer;
BEGIN
  PERFORM recovery.require(recovery.is_batch(p_keys));
  PERFORM recovery.require(octet_length(sealed) BETWEEN 1 AND 4096)
  FROM jsonb_to_recordset(p_keys) AS fresh (sealed bytea);
  WITH moved AS (
    DELETE FROM maskline.batch_key AS key USING jsonb_to_recordset(p_keys) AS fresh (id uuid, sealed bytea)
    WHERE key.id = fresh.id AND key.recipient = v_grant.selector ->> 'from'
      AND EXISTS (SELECT FROM recovery.grant_record WHERE grant_id = v_grant.id AND record_id = key.id)
    RETURNING key.id, key.sealed_on, fresh.sealed
  ), stored AS (
    INSERT INTO maskline.batch_key (id, recipient, sealed, sealed_on)
    SELECT id, v_grant.selector ->> 'to', sealed, sealed_on FROM moved
    -- One that stands there already was not shown to open; this one was.
    ON CONFLICT (id, recipient) DO UPDATE SET sealed = excluded.sealed
  )
  SELECT count(*) INTO v_count FROM moved;
  PERFORM recovery.note_changed(p_claim, v_count);
  RETURN v_count;
EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
  PERFORM recovery.fail_without_value(SQLSTATE);
END
$$;

-- Rows of the grant with a token under the old key; sealed and seed are null where nothing can be opened.
CREATE FUNCTION recovery.retoken_next(p_claim uuid, p_after uuid, p_limit integer)
RETURNS TABLE (record_id uuid, create_date text, tokens jsonb, subject text, sealed bytea, seed bytea,
  batch_key_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_grant recovery.access_grant := recovery.grant_of(recovery.require_fetch(p_claim, '{retoken}'));
  v_contract maskline.contract := recovery.contract_named(v_grant.contract);
  v_count bigint;
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT entry.record_id, to_char(entry.create_date, ''YYYY-MM-DD''), entry.tokens, entry.subject,
       vault.sealed, seed.seed, recovery.batch_key_of(vault.sealed)
     FROM (
       SELECT entry.record_id, entry.create_date, %s AS tokens, %s AS subject
       FROM recovery.grant_record AS listed JOIN public.%I AS entry USING (record_id, create_date)
       WHERE listed.grant_id = $4 AND listed.record_id > $2 AND %s
       ORDER BY listed.record_id LIMIT least($3, 10000)) AS entry
       LEFT JOIN maskline.vault ON vault.record_id = entry.record_id AND vault.create_date = entry.create_date
         AND NOT recovery.is_erased(entry.record_id)
       LEFT JOIN maskline.seed ON seed.record_id = vault.record_id AND seed.create_date = vault.create_date
     ORDER BY entry.record_id',
    recovery.tokens_expression(v_contract), recovery.subject_expression(v_contract),
    v_contract.table_name, recovery.some_token(v_contract, 'starts_with(%s, $1)'))
  USING format('mk1.%s.', v_grant.selector ->> 'from'), p_after, p_limit, v_grant.id;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  PERFORM recovery.note_handed_out(p_claim, v_count);
END
$$;

CREATE FUNCTION recovery.retoken_batch_keys(p_claim uuid, p_ids uuid[])
RETURNS TABLE (id uuid, recipient text, sealed bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM recovery.require_fetch(p_claim, '{retoken}');
  PERFORM recovery.require(cardinality(p_ids) <= 10000);
  RETURN QUERY
    SELECT key.id, key.recipient::text, key.sealed FROM maskline.batch_key AS key
    WHERE key.id = ANY (p_ids);
END
$$;

-- The batch key that the work is about to seal under, once a recipient: p_keys is {recipient: sealed}.
CREATE FUNCTION recovery.add_batch_key(p_claim uuid, p_id uuid, p_keys jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM recovery.require_claim(p_claim, '{retoken,retry}');
  PERFORM recovery.require(pg_column_size(p_keys) <= 131072 AND jsonb_typeof(p_keys) = 'object');
  PERFORM recovery.require(recipient ~ '^[a-z0-9]{1,16}$') FROM jsonb_object_keys(p_keys) AS recipient;
  INSERT INTO maskline.batch_key (id, recipient, sealed)
  SELECT p_id, recipient, sealed::bytea FROM jsonb_each_text(p_keys) AS key (recipient, sealed);
EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
  PERFORM recovery.fail_without_value(SQLSTATE);
END
$$;

-- p_rows: [{record_id, create_date, old_seed, tokens: {field: token}, sealed, seed}].
--
-- Tokens, seal and seed of a row change together, and only if the seed is still the one that was
-- opened: a row erased meanwhile stays erased. Returns how many changed.
CREATE FUNCTION recovery.retoken_store(p_claim uuid, p_rows jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_grant recovery.access_grant := recovery.grant_of(recovery.require_claim(p_claim, '{retoken}'));
  v_contract maskline.contract := recovery.contract_named(v_grant.contract);
  v_form text := recovery.token_form(v_grant.selector ->> 'to');
  v_count integer;
BEGIN
  PERFORM recovery.require(recovery.is_batch(p_rows));
  -- Nothing but a token of the new key comes into a masked column.
  PERFORM recovery.require(octet_length(seed) = 32 AND octet_length(sealed) BETWEEN 1 AND 1048576
    AND NOT EXISTS (SELECT FROM jsonb_each_text(tokens) AS token WHERE (value ~ v_form) IS NOT TRUE))
  FROM jsonb_to_recordset(p_rows) AS fresh (tokens jsonb, sealed bytea, seed bytea);
  EXECUTE format(
    'WITH fresh AS (
       SELECT * FROM jsonb_to_recordset($1)
         AS fresh (record_id uuid, create_date date, old_seed bytea, tokens jsonb, sealed bytea, seed bytea)
     ), reseeded AS (
       UPDATE maskline.seed SET seed = fresh.seed FROM fresh
       WHERE seed.record_id = fresh.record_id AND seed.create_date = fresh.create_date
         AND seed.seed = fresh.old_seed AND NOT recovery.is_erased(fresh.record_id)
         AND EXISTS (SELECT FROM recovery.grant_record AS listed
           WHERE listed.grant_id = $2 AND listed.record_id = fresh.record_id)
       RETURNING fresh.record_id, fresh.create_date, fresh.tokens, fresh.sealed
     ), resealed AS (
       UPDATE maskline.vault SET sealed = reseeded.sealed FROM reseeded
       WHERE vault.record_id = reseeded.record_id AND vault.create_date = reseeded.create_date
     ), retokened AS (
       UPDATE public.%I AS entry SET %s FROM reseeded
       WHERE entry.record_id = reseeded.record_id AND entry.create_date = reseeded.create_date
       RETURNING entry.record_id
     )
     SELECT count(*) FROM retokened',
    v_contract.table_name,
    -- A token that was not given stays, and key_usage counts it.
    (SELECT string_agg(format('%1$I = coalesce(reseeded.tokens ->> %2$L, entry.%1$I)', column_name, field), ', ')
     FROM jsonb_each_text(v_contract.tokens) AS token (field, column_name)))
  INTO v_count USING p_rows, v_grant.id;
  PERFORM recovery.note_changed(p_claim, v_count);
  RETURN v_count;
EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
  PERFORM recovery.fail_without_value(SQLSTATE);
END
$$;

-- For rows that cannot be opened, by a choice that was approved: their tokens go, if one is under the
-- old key. p_rows: [{record_id, create_date}].
CREATE FUNCTION recovery.retoken_tombstone(p_claim uuid, p_rows jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_grant recovery.access_grant := recovery.grant_of(recovery.require_claim(p_claim, '{retoken}'));
  v_contract maskline.contract := recovery.contract_named(v_grant.contract);
  v_records uuid[];
  v_dates date[];
  v_count integer;
BEGIN
  PERFORM recovery.require(recovery.is_batch(p_rows));
  IF v_grant.selector ->> 'unopenable' IS DISTINCT FROM 'tombstone' THEN
    RAISE EXCEPTION USING ERRCODE = 'MK003', MESSAGE = 'the grant leaves rows that cannot be opened';
  END IF;
  SELECT array_agg(record_id), array_agg(create_date) INTO v_records, v_dates
  FROM jsonb_to_recordset(p_rows) AS lost (record_id uuid, create_date date)
  WHERE EXISTS (SELECT FROM recovery.grant_record AS listed
    WHERE listed.grant_id = v_grant.id AND listed.record_id = lost.record_id);
  v_count := recovery.erase_tokens(v_contract, v_records, v_dates,
    recovery.some_token(v_contract, format('starts_with(%%s, %L)', format('mk1.%s.', v_grant.selector ->> 'from'))));
  PERFORM recovery.note_changed(p_claim, v_count);
  RETURN v_count;
EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
  PERFORM recovery.fail_without_value(SQLSTATE);
END
$$;

-- How much is stored under which key: what must be zero before a key is disabled. Tokens, and tags in
-- quarantine, by contract; recipients seal for all of them.
CREATE FUNCTION recovery.key_usage() RETURNS TABLE (kind text, contract text, kid text, uses bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_contract maskline.contract;
BEGIN
  FOR v_contract IN SELECT * FROM maskline.contract ORDER BY name LOOP
    RETURN QUERY EXECUTE format(
      'SELECT ''token'', $1, split_part(token, ''.'', 2), count(*)
       FROM public.%I AS entry, unnest(ARRAY[%s]::text[]) AS token
       WHERE starts_with(token, ''mk1.'')
       GROUP BY 3 ORDER BY 3',
      v_contract.table_name,
      (SELECT string_agg('entry.' || quote_ident(column_name), ', ')
       FROM jsonb_each_text(v_contract.tokens) AS token (field, column_name)))
    USING v_contract.name::text;
  END LOOP;
  RETURN QUERY SELECT 'tag', refused.contract::text, split_part(refused.subject_tag, '.', 2), count(*)
    FROM maskline.quarantine AS refused WHERE refused.subject_tag IS NOT NULL
    GROUP BY 2, 3 ORDER BY 2, 3;
  RETURN QUERY SELECT 'recipient', '*', key.recipient::text, count(*) FROM maskline.batch_key AS key
    GROUP BY 3 ORDER BY 3;
END
$$;

-- Turns a quarantined message into a row: its outcome changes in the transaction that writes it.
-- p_row: its columns but those of its delivery. p_sealed and p_seed are null where the vault is off.
CREATE FUNCTION recovery.retry_store(p_claim uuid, p_record uuid, p_row jsonb, p_sealed bytea, p_seed bytea)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_grant recovery.access_grant := recovery.grant_of(recovery.require_claim(p_claim, '{retry}'));
  v_contract maskline.contract := recovery.contract_named(v_grant.contract);
  v_refused maskline.quarantine;
BEGIN
  PERFORM recovery.require(pg_column_size(p_row) <= 16777216 AND jsonb_typeof(p_row) = 'object'
    AND (p_sealed IS NULL) = (p_seed IS NULL) AND coalesce(octet_length(p_seed), 32) = 32
    AND coalesce(octet_length(p_sealed), 1) BETWEEN 1 AND 1048576
    -- Nothing but a token comes into a masked column.
    AND NOT EXISTS (SELECT FROM jsonb_each_text(v_contract.tokens) AS token (field, column_name)
      WHERE NOT coalesce(p_row ->> column_name ~ recovery.token_form(), true)));
  DELETE FROM maskline.quarantine AS refused
  USING recovery.claim_record AS claimed
  WHERE refused.record_id = p_record AND refused.contract = v_contract.name
    AND claimed.claim_id = p_claim AND claimed.record_id = refused.record_id
    AND NOT recovery.is_erased(refused.record_id)
  RETURNING refused.* INTO v_refused;
  IF NOT FOUND THEN RAISE EXCEPTION USING ERRCODE = 'MK004', MESSAGE = 'not in quarantine'; END IF;

  EXECUTE format('INSERT INTO public.%1$I SELECT * FROM jsonb_populate_record(NULL::public.%1$I, $1)',
    v_contract.table_name) USING p_row || jsonb_build_object('create_date', v_refused.create_date,
      'message_id', v_refused.message_id, 'sent_at', v_refused.sent_at, 'record_id', p_record);
  UPDATE maskline.ledger SET outcome = 'row' WHERE message_id = v_refused.message_id;
  DELETE FROM maskline.seed WHERE record_id = p_record AND create_date = v_refused.create_date;
  IF p_sealed IS NOT NULL THEN
    INSERT INTO maskline.vault (record_id, create_date, sealed)
    VALUES (p_record, v_refused.create_date, p_sealed);
    INSERT INTO maskline.seed (record_id, create_date, seed)
    VALUES (p_record, v_refused.create_date, p_seed);
  END IF;
  PERFORM recovery.note_changed(p_claim, 1);
EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
  PERFORM recovery.fail_without_value(SQLSTATE);
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA recovery FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recovery.claim_work(uuid, text, text, uuid),
  recovery.erase_next(uuid, text, integer), recovery.count_arrived(uuid, text),
  recovery.rewrap_next(uuid, uuid, integer), recovery.rewrap_store(uuid, jsonb),
  recovery.retoken_next(uuid, uuid, integer), recovery.retoken_batch_keys(uuid, uuid[]),
  recovery.add_batch_key(uuid, uuid, jsonb), recovery.retoken_store(uuid, jsonb),
  recovery.retoken_tombstone(uuid, jsonb), recovery.retry_store(uuid, uuid, jsonb, bytea, bytea)
  TO maskline_custodian;
GRANT EXECUTE ON FUNCTION recovery.key_usage() TO maskline_custodian, maskline_auditor;
