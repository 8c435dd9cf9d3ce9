-- Governed recovery, part 3: claims. A look takes two transactions: claim spends the grant and
-- writes the audit intent; fetch hands out what was claimed only if that is committed. So a
-- rollback can undo the look, never the trace of it.

CREATE TABLE recovery.claim (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  grant_id uuid NOT NULL REFERENCES recovery.access_grant (id),
  claimant text NOT NULL DEFAULT session_user,
  -- A subtransaction has the id of its transaction, so a savepoint changes nothing.
  transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
  fields text[] NOT NULL,
  tokens text[] NOT NULL DEFAULT '{}',
  record_count integer NOT NULL,
  intent_seq bigint NOT NULL,
  claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  deadline timestamptz NOT NULL,
  fetched_at timestamptz,
  -- Over all runs: what was handed out sealed, and what was changed.
  handed_out bigint NOT NULL DEFAULT 0,
  changed bigint NOT NULL DEFAULT 0,
  -- How far a walk over all rows has come, and whether it found something on the way.
  walked_to uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  walk_found boolean NOT NULL DEFAULT false,
  closed_at timestamptz
);
CREATE INDEX claim_by_claimant ON recovery.claim (claimant, claimed_at);
CREATE INDEX claim_open ON recovery.claim (deadline) WHERE closed_at IS NULL;

CREATE TABLE recovery.claim_record (
  claim_id uuid NOT NULL REFERENCES recovery.claim (id),
  record_id uuid NOT NULL,
  create_date date NOT NULL,
  PRIMARY KEY (claim_id, record_id)
);

-- Ends claims whose result is overdue. Whether anything was opened is then not known, and said so.
CREATE FUNCTION recovery.abandon_overdue(p_claimant text) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_claim recovery.claim;
  v_count integer := 0;
BEGIN
  PERFORM FROM recovery.audit_head FOR UPDATE;
  FOR v_claim IN
    UPDATE recovery.claim SET closed_at = clock_timestamp()
    WHERE closed_at IS NULL AND deadline < clock_timestamp()
      AND claimant = coalesce(p_claimant, claimant)
    RETURNING *
  LOOP
    PERFORM recovery.append_audit('abandoned', v_claim.grant_id, v_claim.id, jsonb_build_object(
      'intent', v_claim.intent_seq, 'claimant', v_claim.claimant,
      'fetched', v_claim.fetched_at IS NOT NULL,
      'handed_out', v_claim.handed_out, 'changed', v_claim.changed));
    v_count := v_count + 1;
  END LOOP;
  RETURN v_count;
END
$$;

-- For auditors: explains every overdue claim, whoever made it.
CREATE FUNCTION recovery.settle() RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT recovery.abandon_overdue(NULL)
$$;

-- The first reason why this grant does not allow this; null if it does. Locks the grant.
-- A null in an argument allows nothing: the comparisons are written so that it cannot slip through.
CREATE FUNCTION recovery.check_grant(p_grant uuid, p_capability text, p_fields text[], p_cost integer)
RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_grant recovery.access_grant;
  v_state text;
  v_spent bigint;
BEGIN
  -- All claims stand in one line from here on: counts and rates cannot be outrun in parallel.
  PERFORM FROM recovery.audit_head FOR UPDATE;
  SELECT * INTO v_grant FROM recovery.access_grant WHERE id = p_grant FOR UPDATE;
  IF NOT FOUND OR v_grant.requester <> session_user THEN RETURN 'no_such_grant'; END IF;
  v_state := recovery.state_of(v_grant);
  IF v_state <> 'live' THEN RETURN 'grant_' || v_state; END IF;
  IF v_grant.capability IS DISTINCT FROM p_capability THEN RETURN 'wrong_capability'; END IF;
  IF (p_fields <@ v_grant.fields) IS NOT TRUE THEN RETURN 'wrong_fields'; END IF;
  IF v_grant.used_records + p_cost > v_grant.max_records THEN RETURN 'grant_used_up'; END IF;
  IF p_capability IN ('unmask', 'lookup', 'retry') THEN
    SELECT coalesce(sum(record_count), 0) INTO v_spent FROM recovery.claim
    WHERE claimant = session_user AND claimed_at > clock_timestamp() - interval '1 minute';
    IF v_spent + p_cost > (SELECT records_per_minute FROM recovery.policy) THEN
      RETURN 'too_fast';
    END IF;
  END IF;
  RETURN NULL;
END
$$;

-- The intent, as far as the tool needs it to make the hash again: so it knows that the row that a
-- checkpoint covers is an intent for just this.
CREATE FUNCTION recovery.answer_claim(p_claim uuid, p_seq bigint, p_deadline timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object('claim', p_claim, 'deadline', recovery.utc(p_deadline), 'seq', entry.seq,
    'hash', encode(entry.hash, 'hex'), 'previousHash', encode(entry.previous_hash, 'hex'),
    'atMicros', (extract(epoch FROM entry.at) * 1000000)::bigint::text, 'detail', entry.detail)
  FROM recovery.audit AS entry WHERE entry.seq = p_seq
$$;

-- Spends the grant and writes the intent. The claim's id is the caller's: an intent of before cannot
-- hold it.
CREATE FUNCTION recovery.open_claim(p_claim uuid,
  p_grant uuid, p_fields text[], p_tokens text[], p_cost integer, p_deadline timestamptz, p_detail jsonb)
RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- As the audit writes it: both must end at one moment.
  v_deadline timestamptz := date_trunc('second', p_deadline);
  v_entry recovery.audit;
BEGIN
  UPDATE recovery.access_grant SET used_records = used_records + p_cost WHERE id = p_grant;
  v_entry := recovery.append_audit('intent', p_grant, p_claim, p_detail || jsonb_build_object(
    'fields', p_fields, 'records', p_cost, 'deadline', recovery.utc(v_deadline)));
  INSERT INTO recovery.claim (id, grant_id, fields, tokens, record_count, intent_seq, deadline)
  VALUES (p_claim, p_grant, p_fields, p_tokens, p_cost, v_entry.seq, v_deadline);
  RETURN recovery.answer_claim(p_claim, v_entry.seq, v_deadline);
END
$$;

-- For unmask and retry: claims records by name. A retry that was cut short is gone on with.
CREATE FUNCTION recovery.claim(p_grant uuid, p_capability text, p_fields text[], p_records uuid[],
  p_claim uuid DEFAULT gen_random_uuid())
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_records uuid[] := ARRAY(SELECT DISTINCT record_id FROM unnest(p_records) AS record_id ORDER BY 1);
  v_refusal text;
  v_open recovery.claim;
  v_deadline timestamptz;
  v_answer jsonb;
BEGIN
  IF (p_capability IN ('unmask', 'retry')) IS NOT TRUE OR cardinality(v_records) = 0
    OR (p_capability = 'unmask' AND cardinality(coalesce(p_fields, '{}')) = 0) THEN
    RETURN recovery.refuse('wrong_capability', NULL);
  END IF;
  PERFORM recovery.abandon_overdue(session_user);
  v_refusal := recovery.check_grant(p_grant, p_capability, p_fields, cardinality(v_records));
  IF v_refusal IS NULL AND EXISTS (
    SELECT unnest(v_records) EXCEPT SELECT record_id FROM recovery.grant_record WHERE grant_id = p_grant)
  THEN
    v_refusal := 'wrong_records';
  END IF;
  -- Paid for when it was opened.
  IF p_capability = 'retry' AND coalesce(v_refusal, 'too_fast') IN ('grant_used_up', 'too_fast') THEN
    SELECT claim.* INTO v_open FROM recovery.claim JOIN recovery.access_grant ON access_grant.id = grant_id
    WHERE grant_id = p_grant AND capability = 'retry' AND claimant = session_user AND closed_at IS NULL;
    IF v_records = ARRAY(
      SELECT record_id FROM recovery.claim_record WHERE claim_id = v_open.id ORDER BY record_id) THEN
      RETURN recovery.answer_claim(v_open.id, v_open.intent_seq, v_open.deadline) || '{"resumed": true}';
    END IF;
    IF v_open.id IS NOT NULL AND v_refusal = 'grant_used_up' THEN v_refusal := 'other_retry_open'; END IF;
  END IF;
  IF v_refusal IS NOT NULL THEN
    RETURN recovery.refuse(v_refusal,
      (SELECT id FROM recovery.access_grant WHERE id = p_grant),
      jsonb_build_object('records', cardinality(v_records)));
  END IF;
  v_deadline := CASE p_capability
    WHEN 'retry' THEN (SELECT expires_at FROM recovery.access_grant WHERE id = p_grant)
    ELSE clock_timestamp() + make_interval(secs => (SELECT claim_seconds FROM recovery.policy)) END;
  v_answer := recovery.open_claim(p_claim, p_grant, p_fields, '{}', cardinality(v_records), v_deadline,
    jsonb_build_object('capability', p_capability, 'digest', encode(recovery.digest_of(v_records), 'hex')));
  INSERT INTO recovery.claim_record (claim_id, record_id, create_date)
  SELECT (v_answer ->> 'claim')::uuid, record_id, create_date
  FROM recovery.grant_record WHERE grant_id = p_grant AND record_id = ANY (v_records);
  RETURN v_answer;
END
$$;

-- The claim, if this person may go on with it: committed, in another transaction, in time, and the
-- grant not revoked since.
CREATE FUNCTION recovery.require_claim(p_claim uuid, p_capabilities text[]) RETURNS recovery.claim
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_claim recovery.claim;
  v_grant recovery.access_grant;
BEGIN
  SELECT * INTO v_claim FROM recovery.claim WHERE id = p_claim FOR UPDATE;
  IF NOT FOUND OR v_claim.claimant <> session_user THEN
    RAISE EXCEPTION USING ERRCODE = 'MK004', MESSAGE = 'no such claim';
  END IF;
  -- A null status is that of a transaction too old to be known, so of one that ended long ago; its
  -- row would not be visible had it been rolled back.
  IF v_claim.transaction_id = pg_current_xact_id()
    OR pg_xact_status(v_claim.transaction_id) IN ('in progress', 'aborted') THEN
    RAISE EXCEPTION USING ERRCODE = 'MK003', MESSAGE = 'the claim is not committed';
  END IF;
  IF v_claim.closed_at IS NOT NULL OR v_claim.deadline <= clock_timestamp() THEN
    RAISE EXCEPTION USING ERRCODE = 'MK003', MESSAGE = 'the claim has ended';
  END IF;
  SELECT * INTO STRICT v_grant FROM recovery.access_grant WHERE id = v_claim.grant_id FOR SHARE;
  IF v_grant.revoked_at IS NOT NULL OR v_grant.expires_at <= clock_timestamp() THEN
    RAISE EXCEPTION USING ERRCODE = 'MK003', MESSAGE = 'the grant has ended';
  END IF;
  IF NOT v_grant.capability = ANY (p_capabilities) THEN
    RAISE EXCEPTION USING ERRCODE = 'MK003', MESSAGE = 'the grant is for something else';
  END IF;
  RETURN v_claim;
END
$$;

-- What the result says of the database's own knowledge.
CREATE FUNCTION recovery.note_handed_out(p_claim uuid, p_count bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  UPDATE recovery.claim SET fetched_at = clock_timestamp(), handed_out = handed_out + p_count
  WHERE id = p_claim
$$;

CREATE FUNCTION recovery.note_changed(p_claim uuid, p_count bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  UPDATE recovery.claim SET changed = changed + p_count WHERE id = p_claim
$$;

-- The claimed sealed records, as far as they still exist. For a quarantined body the tokens are null.
CREATE FUNCTION recovery.fetch(p_claim uuid)
RETURNS TABLE (record_id uuid, source text, sealed bytea, seed bytea, batch_key_id uuid,
  masked_ip text, masked_device_id text, sent_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_claim recovery.claim := recovery.require_claim(p_claim, '{unmask,retry}');
  v_count bigint;
BEGIN
  -- Bytes 2 to 17 of a sealed record are its batch key's id (docs/formats.md).
  RETURN QUERY
    SELECT claimed.record_id, 'user_logins', vault.sealed, seed.seed,
      encode(substring(vault.sealed FROM 3 FOR 16), 'hex')::uuid,
      login.masked_ip::text, login.masked_device_id::text, login.sent_at
    FROM recovery.claim_record AS claimed
      JOIN maskline.vault USING (record_id, create_date)
      JOIN maskline.seed USING (record_id, create_date)
      JOIN public.user_logins AS login USING (record_id, create_date)
    -- A retry wants what is in quarantine still, not what it has made a row.
    WHERE claimed.claim_id = p_claim AND EXISTS (
      SELECT FROM recovery.access_grant WHERE id = v_claim.grant_id AND capability = 'unmask')
    UNION ALL
    SELECT claimed.record_id, 'quarantine', refused.sealed, seed.seed,
      encode(substring(refused.sealed FROM 3 FOR 16), 'hex')::uuid, NULL, NULL, refused.sent_at
    FROM recovery.claim_record AS claimed
      JOIN maskline.quarantine AS refused USING (record_id, create_date)
      JOIN maskline.seed USING (record_id, create_date)
    WHERE claimed.claim_id = p_claim;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  PERFORM recovery.note_handed_out(p_claim, v_count);
END
$$;

CREATE FUNCTION recovery.fetch_batch_keys(p_claim uuid)
RETURNS TABLE (id uuid, recipient text, sealed bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM recovery.require_claim(p_claim, '{unmask,retry}');
  RETURN QUERY
    SELECT key.id, key.recipient::text, key.sealed
    FROM maskline.batch_key AS key
    WHERE key.id IN (
      SELECT encode(substring(coalesce(vault.sealed, refused.sealed) FROM 3 FOR 16), 'hex')::uuid
      FROM recovery.claim_record AS claimed
        LEFT JOIN maskline.vault USING (record_id, create_date)
        LEFT JOIN maskline.quarantine AS refused USING (record_id, create_date)
      WHERE claimed.claim_id = p_claim);
END
$$;

-- Ends a claim with what became of it.
CREATE FUNCTION recovery.report_result(p_claim uuid, p_detail jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_claim recovery.claim;
BEGIN
  IF jsonb_typeof(p_detail) <> 'object' OR length(p_detail::text) > 2000 THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'a result is a small JSON object';
  END IF;
  PERFORM FROM recovery.audit_head FOR UPDATE;
  UPDATE recovery.claim SET closed_at = clock_timestamp()
  WHERE id = p_claim AND claimant = session_user AND closed_at IS NULL
    AND transaction_id <> pg_current_xact_id()
  RETURNING * INTO v_claim;
  IF NOT FOUND THEN RAISE EXCEPTION USING ERRCODE = 'MK004', MESSAGE = 'no such claim'; END IF;
  -- What the tool says of itself; what the database knows stands above it.
  PERFORM recovery.append_audit('result', v_claim.grant_id, v_claim.id,
    p_detail || jsonb_build_object('intent', v_claim.intent_seq,
      'fetched', v_claim.fetched_at IS NOT NULL,
      'handed_out', v_claim.handed_out, 'changed', v_claim.changed));
END
$$;

-- A lookup claims the tokens of one value, one a token key, and the audit names them.
CREATE FUNCTION recovery.claim_lookup(p_grant uuid, p_field text, p_tokens text[],
  p_claim uuid DEFAULT gen_random_uuid()) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_refusal text;
BEGIN
  PERFORM recovery.abandon_overdue(session_user);
  v_refusal := recovery.check_grant(p_grant, 'lookup', ARRAY[p_field], 1);
  IF v_refusal IS NULL AND (cardinality(p_tokens) BETWEEN 1 AND 16) IS NOT TRUE THEN
    v_refusal := 'too_many_tokens';
  END IF;
  -- Two tokens under one key are two values. What is no token is no guess either.
  IF v_refusal IS NULL AND (
    SELECT count(DISTINCT split_part(token, '.', 2))
      FILTER (WHERE token ~ '^mk1\.[a-z0-9]{1,16}\.[A-Za-z0-9_-]{43}$')
    FROM unnest(p_tokens) AS token) <> cardinality(p_tokens) THEN
    v_refusal := 'wrong_tokens';
  END IF;
  IF v_refusal IS NOT NULL THEN
    RETURN recovery.refuse(v_refusal,
      (SELECT id FROM recovery.access_grant WHERE id = p_grant), jsonb_build_object('field', p_field));
  END IF;
  RETURN recovery.open_claim(p_claim, p_grant, ARRAY[p_field], p_tokens, 1,
    clock_timestamp() + make_interval(secs => (SELECT claim_seconds FROM recovery.policy)),
    jsonb_build_object('capability', 'lookup', 'tokens', p_tokens));
END
$$;

CREATE FUNCTION recovery.fetch_lookup(p_claim uuid, p_limit integer)
RETURNS TABLE (record_id uuid, user_id text, device_type text, masked_ip text, masked_device_id text,
  locale text, sent_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_claim recovery.claim := recovery.require_claim(p_claim, '{lookup}');
BEGIN
  PERFORM recovery.note_handed_out(p_claim, 0);
  RETURN QUERY
    SELECT login.record_id, login.user_id::text, login.device_type::text, login.masked_ip::text,
      login.masked_device_id::text, login.locale::text, login.sent_at
    FROM public.user_logins AS login
    WHERE CASE v_claim.fields[1] WHEN 'ip' THEN login.masked_ip ELSE login.masked_device_id END
      = ANY (v_claim.tokens)
    ORDER BY login.sent_at, login.record_id
    LIMIT least(p_limit, 10000);
END
$$;

-- What is in quarantine, without the bodies.
CREATE FUNCTION recovery.list_quarantine(p_limit integer)
RETURNS TABLE (record_id uuid, message_id uuid, sent_at timestamptz, quarantined_on text, reason text,
  sql_state text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT record_id, message_id, sent_at, quarantined_on::text, reason::text, sql_state::text
  FROM maskline.quarantine
  ORDER BY quarantine.quarantined_on DESC, record_id
  LIMIT least(p_limit, 10000)
$$;

REVOKE ALL ON ALL TABLES IN SCHEMA recovery FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA recovery FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recovery.claim(uuid, text, text[], uuid[], uuid), recovery.fetch(uuid),
  recovery.fetch_batch_keys(uuid), recovery.report_result(uuid, jsonb)
  TO maskline_requester, maskline_custodian;
GRANT EXECUTE ON FUNCTION recovery.claim_lookup(uuid, text, text[], uuid),
  recovery.fetch_lookup(uuid, integer) TO maskline_requester;
GRANT EXECUTE ON FUNCTION recovery.list_quarantine(integer)
  TO maskline_requester, maskline_custodian, maskline_auditor;
GRANT EXECUTE ON FUNCTION recovery.settle() TO maskline_auditor;
