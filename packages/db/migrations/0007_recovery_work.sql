-- Governed recovery, part 4: a custodian's work. Long, in batches, and resumable: the claim stays
-- open until its result is reported or its grant ends, and each batch is a transaction of its own.

-- Opens the grant's claim, or finds the one that an interrupted run left open.
CREATE FUNCTION recovery.claim_work(p_grant uuid, p_capability text, p_user_id text,
  p_claim uuid DEFAULT gen_random_uuid()) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_refusal text;
  v_grant recovery.access_grant;
  v_open recovery.claim;
  v_answer jsonb;
BEGIN
  PERFORM recovery.abandon_overdue(session_user);
  v_refusal := recovery.check_grant(p_grant, p_capability, '{}', 0);
  SELECT * INTO v_grant FROM recovery.access_grant WHERE id = p_grant;
  IF v_refusal IS NULL AND (p_capability IN ('erase', 'rewrap', 'retoken')) IS NOT TRUE THEN
    v_refusal := 'wrong_capability';
  END IF;
  IF v_refusal IS NULL AND v_grant.selector ->> 'kind' = 'user'
    AND recovery.subject_mac(p_user_id) IS DISTINCT FROM v_grant.selector ->> 'subject' THEN
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
  v_answer := recovery.open_claim(p_claim, p_grant, '{}', '{}', 0, v_grant.expires_at,
    jsonb_build_object('capability', p_capability, 'selector', v_grant.selector));
  INSERT INTO recovery.claim_record (claim_id, record_id, create_date)
  SELECT (v_answer ->> 'claim')::uuid, record_id, create_date
  FROM recovery.grant_record WHERE grant_id = p_grant;
  RETURN v_answer;
END
$$;

CREATE FUNCTION recovery.require_work(p_claim uuid, p_capability text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_claim recovery.claim := recovery.require_claim(p_claim, ARRAY[p_capability]);
BEGIN
  RETURN (SELECT selector FROM recovery.access_grant WHERE id = v_claim.grant_id);
END
$$;

-- Lists what the next rows hold for a selector of erase, as far as something of it is left to erase.
-- Goes over all rows in the order of their ids, so many at a time that no call takes long, and again
-- from the start until it finds nothing: rows arrive meanwhile. Returns whether it is through; a row
-- that is committed behind the last walk is the next request's.
CREATE FUNCTION recovery.list_erasable(p_claim uuid, p_selector jsonb) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_claim recovery.claim;
  v_last uuid;
  v_count bigint;
BEGIN
  SELECT * INTO STRICT v_claim FROM recovery.claim WHERE id = p_claim;
  WITH walked AS MATERIALIZED (
    SELECT login.record_id, login.create_date, login.user_id, login.masked_ip
    FROM public.user_logins AS login
    WHERE login.record_id > v_claim.walked_to
      AND login.create_date < coalesce((p_selector ->> 'date')::date, 'infinity')
    ORDER BY login.record_id LIMIT 50000
  ), listed AS (
    INSERT INTO recovery.claim_record (claim_id, record_id, create_date)
    SELECT p_claim, walked.record_id, walked.create_date
    FROM walked LEFT JOIN maskline.seed USING (record_id, create_date)
    WHERE (p_selector ->> 'kind' = 'before' OR walked.user_id = p_selector ->> 'user_id')
      AND (seed.record_id IS NOT NULL OR ('erased' <> walked.masked_ip
        AND NOT coalesce((p_selector ->> 'keepTokens')::boolean, false)))
    ON CONFLICT DO NOTHING
    RETURNING record_id
  )
  SELECT (SELECT record_id FROM walked ORDER BY record_id DESC LIMIT 1), (SELECT count(*) FROM listed)
  INTO v_last, v_count;
  IF v_last IS NOT NULL THEN
    UPDATE recovery.claim SET walked_to = v_last, walk_found = walk_found OR v_count > 0
    WHERE id = p_claim;
    RETURN false;
  END IF;
  UPDATE recovery.claim SET walked_to = DEFAULT, walk_found = DEFAULT WHERE id = p_claim;
  RETURN NOT v_claim.walk_found;
END
$$;

-- Erases the next records; "isDone" when a whole walk found none left, late arrivals included.
--
-- Seed first: from its deletion on, nothing that is left can be opened.
CREATE FUNCTION recovery.erase_next(p_claim uuid, p_user_id text, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_selector jsonb := recovery.require_work(p_claim, 'erase');
  v_keep_tokens boolean := coalesce((v_selector ->> 'keepTokens')::boolean, false);
  v_records uuid[];
  v_dates date[];
  v_seeds bigint;
  v_is_through boolean := true;
BEGIN
  IF v_selector ->> 'kind' = 'user' THEN
    IF recovery.subject_mac(p_user_id) IS DISTINCT FROM v_selector ->> 'subject' THEN
      RAISE EXCEPTION USING ERRCODE = 'MK003', MESSAGE = 'the grant is for another subject';
    END IF;
    v_selector := v_selector || jsonb_build_object('user_id', p_user_id);
  END IF;
  IF v_selector ->> 'kind' IN ('user', 'before')
    AND NOT EXISTS (SELECT FROM recovery.claim_record WHERE claim_id = p_claim) THEN
    v_is_through := recovery.list_erasable(p_claim, v_selector);
  END IF;

  WITH batch AS (
    DELETE FROM recovery.claim_record
    WHERE claim_id = p_claim AND record_id IN (
      SELECT record_id FROM recovery.claim_record WHERE claim_id = p_claim ORDER BY record_id LIMIT p_limit)
    RETURNING record_id, create_date)
  SELECT coalesce(array_agg(record_id), '{}'), coalesce(array_agg(create_date), '{}')
  INTO v_records, v_dates FROM batch;

  DELETE FROM maskline.seed USING unnest(v_records, v_dates) AS batch (record_id, create_date)
  WHERE seed.record_id = batch.record_id AND seed.create_date = batch.create_date;
  GET DIAGNOSTICS v_seeds = ROW_COUNT;
  DELETE FROM maskline.vault USING unnest(v_records, v_dates) AS batch (record_id, create_date)
  WHERE vault.record_id = batch.record_id AND vault.create_date = batch.create_date;
  DELETE FROM maskline.quarantine WHERE record_id = ANY (v_records);
  IF NOT v_keep_tokens THEN
    UPDATE public.user_logins AS login SET masked_ip = 'erased', masked_device_id = 'erased'
    FROM unnest(v_records, v_dates) AS batch (record_id, create_date)
    WHERE login.record_id = batch.record_id AND login.create_date = batch.create_date;
  END IF;
  PERFORM recovery.note_changed(p_claim, cardinality(v_records));
  RETURN jsonb_build_object('erased', cardinality(v_records), 'seeds', v_seeds,
    'isDone', v_is_through AND cardinality(v_records) = 0);
END
$$;

-- Until when what was erased today may still stand elsewhere.
CREATE FUNCTION recovery.what_remains() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object(
    'backupsUntil', (clock_timestamp() AT TIME ZONE 'UTC')::date + policy.backup_days,
    'backupDays', policy.backup_days,
    'quarantined', (SELECT count(*) FROM maskline.quarantine),
    'newestQuarantinedOn', (SELECT max(quarantined_on) FROM maskline.quarantine))
  FROM recovery.policy
$$;

CREATE FUNCTION recovery.rewrap_next(p_claim uuid, p_after uuid, p_limit integer)
RETURNS TABLE (id uuid, recipient text, sealed bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_selector jsonb := recovery.require_work(p_claim, 'rewrap');
  v_count bigint;
BEGIN
  RETURN QUERY
    SELECT key.id, key.recipient::text, key.sealed FROM maskline.batch_key AS key
    WHERE key.recipient = v_selector ->> 'from' AND key.id > p_after
    ORDER BY key.id LIMIT least(p_limit, 10000);
  GET DIAGNOSTICS v_count = ROW_COUNT;
  PERFORM recovery.note_handed_out(p_claim, v_count);
END
$$;

-- The new sealed key and the end of the old one are one transaction. Returns how many were moved.
CREATE FUNCTION recovery.rewrap_store(p_claim uuid, p_ids uuid[], p_sealed bytea[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_selector jsonb := recovery.require_work(p_claim, 'rewrap');
  v_count integer;
BEGIN
  WITH moved AS (
    DELETE FROM maskline.batch_key AS key USING unnest(p_ids, p_sealed) AS fresh (id, sealed)
    WHERE key.id = fresh.id AND key.recipient = v_selector ->> 'from'
    RETURNING key.id, key.sealed_on, fresh.sealed
  ), stored AS (
    INSERT INTO maskline.batch_key (id, recipient, sealed, sealed_on)
    SELECT id, v_selector ->> 'to', sealed, sealed_on FROM moved
    -- One that stands there already was not shown to open; this one was.
    ON CONFLICT (id, recipient) DO UPDATE SET sealed = excluded.sealed
  )
  SELECT count(*) INTO v_count FROM moved;
  PERFORM recovery.note_changed(p_claim, v_count);
  RETURN v_count;
END
$$;

-- Rows with a token under the old key; sealed and seed are null where nothing can be opened.
CREATE FUNCTION recovery.retoken_next(p_claim uuid, p_after uuid, p_limit integer)
RETURNS TABLE (record_id uuid, create_date text, masked_ip text, masked_device_id text,
  sealed bytea, seed bytea, batch_key_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_prefix text := format('mk1.%s.', recovery.require_work(p_claim, 'retoken') ->> 'from');
  v_count bigint;
BEGIN
  RETURN QUERY
    SELECT login.record_id, login.create_date::text, login.masked_ip, login.masked_device_id,
      vault.sealed, seed.seed, encode(substring(vault.sealed FROM 3 FOR 16), 'hex')::uuid
    FROM (
      SELECT found.record_id, found.create_date, found.masked_ip::text, found.masked_device_id::text FROM public.user_logins AS found
      WHERE found.record_id > p_after
        AND (starts_with(found.masked_ip, v_prefix) OR starts_with(found.masked_device_id, v_prefix))
      ORDER BY found.record_id LIMIT least(p_limit, 10000)) AS login
      LEFT JOIN maskline.vault USING (record_id, create_date)
      LEFT JOIN maskline.seed USING (record_id, create_date)
    ORDER BY login.record_id;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  PERFORM recovery.note_handed_out(p_claim, v_count);
END
$$;

CREATE FUNCTION recovery.retoken_batch_keys(p_claim uuid, p_ids uuid[])
RETURNS TABLE (id uuid, recipient text, sealed bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM recovery.require_work(p_claim, 'retoken');
  RETURN QUERY
    SELECT key.id, key.recipient::text, key.sealed FROM maskline.batch_key AS key
    WHERE key.id = ANY (p_ids);
END
$$;

-- The batch key that custodian's work sealed under, once a recipient.
CREATE FUNCTION recovery.store_batch_key(p_id uuid, p_recipients text[], p_keys bytea[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO maskline.batch_key (id, recipient, sealed)
  SELECT p_id, recipient, sealed FROM unnest(p_recipients, p_keys) AS key (recipient, sealed)
$$;

-- Token, seal and seed of a row change together, and only if the seed is still the one that was
-- opened: a row erased meanwhile stays erased. Returns how many changed.
CREATE FUNCTION recovery.retoken_store(
  p_claim uuid, p_batch_key uuid, p_recipients text[], p_keys bytea[],
  p_records uuid[], p_dates text[], p_old_seeds bytea[],
  p_ips text[], p_device_ids text[], p_sealed bytea[], p_seeds bytea[])
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_count integer;
BEGIN
  PERFORM recovery.require_work(p_claim, 'retoken');
  PERFORM recovery.store_batch_key(p_batch_key, p_recipients, p_keys);
  WITH fresh AS (
    SELECT * FROM unnest(p_records, p_dates::date[], p_old_seeds, p_ips, p_device_ids, p_sealed, p_seeds)
      AS fresh (record_id, create_date, old_seed, ip, device_id, sealed, seed)
  ), reseeded AS (
    UPDATE maskline.seed SET seed = fresh.seed FROM fresh
    WHERE seed.record_id = fresh.record_id AND seed.create_date = fresh.create_date
      AND seed.seed = fresh.old_seed
    RETURNING fresh.record_id, fresh.create_date, fresh.ip, fresh.device_id, fresh.sealed
  ), resealed AS (
    UPDATE maskline.vault SET sealed = reseeded.sealed FROM reseeded
    WHERE vault.record_id = reseeded.record_id AND vault.create_date = reseeded.create_date
  ), retokened AS (
    UPDATE public.user_logins AS login SET masked_ip = reseeded.ip, masked_device_id = reseeded.device_id
    FROM reseeded
    WHERE login.record_id = reseeded.record_id AND login.create_date = reseeded.create_date
    RETURNING login.record_id
  )
  SELECT count(*) INTO v_count FROM retokened;
  PERFORM recovery.note_changed(p_claim, v_count);
  RETURN v_count;
END
$$;

-- For rows that cannot be opened, by a choice that was approved: their tokens under the old key go.
CREATE FUNCTION recovery.retoken_tombstone(p_claim uuid, p_records uuid[], p_dates text[])
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_selector jsonb := recovery.require_work(p_claim, 'retoken');
  v_prefix text := format('mk1.%s.', v_selector ->> 'from');
  v_count integer;
BEGIN
  IF v_selector ->> 'unopenable' IS DISTINCT FROM 'tombstone' THEN
    RAISE EXCEPTION USING ERRCODE = 'MK003', MESSAGE = 'the grant leaves rows that cannot be opened';
  END IF;
  UPDATE public.user_logins AS login SET masked_ip = 'erased', masked_device_id = 'erased'
  FROM unnest(p_records, p_dates::date[]) AS lost (record_id, create_date)
  WHERE login.record_id = lost.record_id AND login.create_date = lost.create_date
    AND (starts_with(login.masked_ip, v_prefix) OR starts_with(login.masked_device_id, v_prefix));
  GET DIAGNOSTICS v_count = ROW_COUNT;
  PERFORM recovery.note_changed(p_claim, v_count);
  RETURN v_count;
END
$$;

-- How much is stored under which key: what must be zero before a key is disabled.
CREATE FUNCTION recovery.key_usage() RETURNS TABLE (kind text, kid text, uses bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT 'token', split_part(token, '.', 2), count(*)
  FROM public.user_logins AS login, unnest(ARRAY[login.masked_ip, login.masked_device_id]) AS token
  WHERE starts_with(token, 'mk1.')
  GROUP BY 2
  UNION ALL
  SELECT 'recipient', key.recipient::text, count(*) FROM maskline.batch_key AS key GROUP BY 2
$$;

-- Turns a quarantined message into a row: its outcome changes in the transaction that writes it.
CREATE FUNCTION recovery.retry_store(
  p_claim uuid, p_record uuid, p_login jsonb, p_sealed bytea, p_seed bytea,
  p_batch_key uuid, p_recipients text[], p_keys bytea[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_refused maskline.quarantine;
BEGIN
  PERFORM recovery.require_claim(p_claim, '{retry}');
  DELETE FROM maskline.quarantine AS refused
  USING recovery.claim_record AS claimed
  WHERE refused.record_id = p_record
    AND claimed.claim_id = p_claim AND claimed.record_id = refused.record_id
  RETURNING refused.* INTO v_refused;
  IF NOT FOUND THEN RAISE EXCEPTION USING ERRCODE = 'MK004', MESSAGE = 'not in quarantine'; END IF;

  INSERT INTO public.user_logins (user_id, device_type, masked_ip, masked_device_id, locale,
    app_version, app_version_text, create_date, message_id, sent_at, record_id)
  VALUES (p_login ->> 'user_id', p_login ->> 'device_type', p_login ->> 'masked_ip',
    p_login ->> 'masked_device_id', p_login ->> 'locale', (p_login ->> 'app_version')::integer,
    p_login ->> 'app_version_text', v_refused.create_date, v_refused.message_id, v_refused.sent_at, p_record);
  UPDATE maskline.ledger SET outcome = 'row' WHERE message_id = v_refused.message_id;
  DELETE FROM maskline.seed WHERE record_id = p_record AND create_date = v_refused.create_date;
  IF p_sealed IS NOT NULL THEN
    PERFORM recovery.store_batch_key(p_batch_key, p_recipients, p_keys);
    INSERT INTO maskline.vault (record_id, create_date, sealed)
    VALUES (p_record, v_refused.create_date, p_sealed);
    INSERT INTO maskline.seed (record_id, create_date, seed)
    VALUES (p_record, v_refused.create_date, p_seed);
  END IF;
  PERFORM recovery.note_changed(p_claim, 1);
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA recovery FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recovery.claim_work(uuid, text, text, uuid),
  recovery.erase_next(uuid, text, integer), recovery.what_remains(),
  recovery.rewrap_next(uuid, uuid, integer), recovery.rewrap_store(uuid, uuid[], bytea[]),
  recovery.retoken_next(uuid, uuid, integer), recovery.retoken_batch_keys(uuid, uuid[]),
  recovery.retoken_store(uuid, uuid, text[], bytea[], uuid[], text[], bytea[], text[], text[], bytea[], bytea[]),
  recovery.retoken_tombstone(uuid, uuid[], text[]),
  recovery.retry_store(uuid, uuid, jsonb, bytea, bytea, uuid, text[], bytea[])
  TO maskline_custodian;
GRANT EXECUTE ON FUNCTION recovery.key_usage() TO maskline_custodian, maskline_auditor;
