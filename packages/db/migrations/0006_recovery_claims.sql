-- Governed recovery, part 3: claims. An access takes two transactions: claim spends the grant and
-- writes the audit intent; fetch hands out what was claimed only if that is committed. So a
-- rollback can undo the access, never the trace of it.

CREATE TABLE recovery.claim (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  grant_id uuid NOT NULL REFERENCES recovery.access_grant (id),
  claimant text COLLATE "C" NOT NULL DEFAULT recovery.person(),
  -- A subtransaction has the id of its transaction, so a savepoint changes nothing.
  transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
  fields text[] NOT NULL,
  tokens text[] NOT NULL DEFAULT '{}',
  record_count integer NOT NULL,
  intent_seq bigint NOT NULL,
  claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  deadline timestamptz NOT NULL,
  -- Since when sealed records may be handed out, and the transaction that said so.
  fetched_at timestamptz,
  fetched_in xid8,
  -- Over all runs: what was handed out sealed, and what was changed.
  handed_out bigint NOT NULL DEFAULT 0,
  changed bigint NOT NULL DEFAULT 0,
  -- How far erasing has come among the records of the grant.
  walked_to uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  -- What has come since the request and is not touched, and how far the rows were walked to count it; null
  -- where they were to the end.
  arrived bigint NOT NULL DEFAULT 0,
  arrived_to uuid DEFAULT '00000000-0000-0000-0000-000000000000',
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
CREATE FUNCTION recovery.close_overdue() RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT recovery.abandon_overdue(NULL)
$$;

-- The first reason why this grant does not allow this; null if it does. Locks the grant.
-- A null in an argument allows nothing: the comparisons are written so that it cannot slip through.
-- A claim is a transaction of its own: its refusal says what the grant's resolution found.
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
  IF NOT FOUND OR v_grant.requester <> recovery.person() THEN RETURN 'no_such_grant'; END IF;
  IF v_grant.changed_in = pg_current_xact_id() THEN
    RAISE EXCEPTION USING ERRCODE = 'MK003', MESSAGE = 'the grant is not committed';
  END IF;
  v_state := recovery.state_of(v_grant);
  IF v_state <> 'live' THEN RETURN 'grant_' || v_state; END IF;
  IF v_grant.capability IS DISTINCT FROM p_capability THEN RETURN 'wrong_capability'; END IF;
  IF (p_fields <@ v_grant.fields) IS NOT TRUE THEN RETURN 'wrong_fields'; END IF;
  IF v_grant.used_records + p_cost > v_grant.max_records THEN RETURN 'grant_used_up'; END IF;
  IF p_capability IN ('unmask', 'lookup', 'retry') THEN
    SELECT coalesce(sum(record_count), 0) INTO v_spent FROM recovery.claim
    WHERE claimant = (SELECT recovery.person()) AND claimed_at > clock_timestamp() - interval '1 minute';
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
    'atMicros', recovery.micros(entry.at)::text, 'detail', entry.detail)
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
  v_grant recovery.access_grant;
  v_entry recovery.audit;
BEGIN
  UPDATE recovery.access_grant
  SET used_records = used_records + p_cost, changed_in = pg_current_xact_id()
  WHERE id = p_grant RETURNING * INTO v_grant;
  v_entry := recovery.append_audit('intent', p_grant, p_claim, jsonb_build_object(
    'contract', v_grant.contract, 'capability', v_grant.capability, 'fields', p_fields,
    'records', p_cost, 'deadline', recovery.utc(v_deadline)) || p_detail);
  INSERT INTO recovery.claim (id, grant_id, fields, tokens, record_count, intent_seq, deadline)
  VALUES (p_claim, p_grant, p_fields, p_tokens, p_cost, v_entry.seq, v_deadline);
  RETURN recovery.answer_claim(p_claim, v_entry.seq, v_deadline);
END
$$;

-- A refused claim, under the grant if there is one.
CREATE FUNCTION recovery.refuse_claim(p_code text, p_grant uuid, p_detail jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT recovery.refuse(p_code, (SELECT id FROM recovery.access_grant WHERE id = p_grant), p_detail)
$$;

-- For unmask, dossier and retry: claims records by name. A retry that was cut short is resumed.
CREATE FUNCTION recovery.claim(p_grant uuid, p_capability text, p_fields text[], p_records uuid[],
  p_claim uuid)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_records uuid[];
  v_refusal text;
  v_open recovery.claim;
  v_deadline timestamptz;
  v_answer jsonb;
BEGIN
  PERFORM recovery.require(p_grant IS NOT NULL AND p_claim IS NOT NULL
    AND p_capability IN ('unmask', 'dossier', 'retry')
    AND cardinality(p_fields) BETWEEN CASE p_capability WHEN 'unmask' THEN 1 ELSE 0 END AND 200
    AND cardinality(p_records) BETWEEN 1 AND (SELECT max_records FROM recovery.policy));
  v_records := ARRAY(SELECT DISTINCT record_id FROM unnest(p_records) AS record_id ORDER BY 1);
  PERFORM recovery.abandon_overdue(recovery.person());
  v_refusal := recovery.check_grant(p_grant, p_capability, p_fields, cardinality(v_records));
  IF v_refusal IS NULL AND EXISTS (
    SELECT unnest(v_records) EXCEPT SELECT record_id FROM recovery.grant_record WHERE grant_id = p_grant)
  THEN
    v_refusal := 'wrong_records';
  END IF;
  -- Paid for when it was opened.
  IF p_capability = 'retry' AND coalesce(v_refusal, 'too_fast') IN ('grant_used_up', 'too_fast') THEN
    SELECT claim.* INTO v_open FROM recovery.claim JOIN recovery.access_grant ON access_grant.id = grant_id
    WHERE grant_id = p_grant AND capability = 'retry' AND claimant = recovery.person() AND closed_at IS NULL;
    IF v_records = ARRAY(
      SELECT record_id FROM recovery.claim_record WHERE claim_id = v_open.id ORDER BY record_id) THEN
      RETURN recovery.answer_claim(v_open.id, v_open.intent_seq, v_open.deadline) || '{"resumed": true}';
    END IF;
    IF v_open.id IS NOT NULL AND v_refusal = 'grant_used_up' THEN v_refusal := 'other_retry_open'; END IF;
  END IF;
  IF v_refusal IS NOT NULL THEN
    RETURN recovery.refuse_claim(v_refusal, p_grant, jsonb_build_object('records', cardinality(v_records)));
  END IF;
  v_deadline := CASE p_capability
    WHEN 'retry' THEN (SELECT expires_at FROM recovery.access_grant WHERE id = p_grant)
    ELSE clock_timestamp() + make_interval(secs => (SELECT claim_seconds FROM recovery.policy)) END;
  v_answer := recovery.open_claim(p_claim, p_grant, p_fields, '{}', cardinality(v_records), v_deadline,
    jsonb_build_object('digest', encode(recovery.digest_of(v_records), 'hex')));
  INSERT INTO recovery.claim_record (claim_id, record_id, create_date)
  SELECT p_claim, record_id, create_date
  FROM recovery.grant_record WHERE grant_id = p_grant AND record_id = ANY (v_records);
  RETURN v_answer;
END
$$;

-- A snapshot of before would still hold what was erased since, and hand it out.
CREATE FUNCTION recovery.require_read_committed() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION USING ERRCODE = 'MK003', MESSAGE = 'nothing is handed out but under read committed';
  END IF;
END
$$;

-- The claim, if this person may act under it: committed, in another transaction, in time, and the
-- grant not revoked since. Whatever reads or changes something sealed begins here.
CREATE FUNCTION recovery.require_claim(p_claim uuid, p_capabilities text[]) RETURNS recovery.claim
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_claim recovery.claim;
  v_grant recovery.access_grant;
BEGIN
  PERFORM recovery.require_read_committed();
  SELECT * INTO v_claim FROM recovery.claim WHERE id = p_claim FOR UPDATE;
  IF NOT FOUND OR v_claim.claimant <> recovery.person() THEN
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

-- The terms of a claim's grant.
CREATE FUNCTION recovery.grant_of(p_claim recovery.claim) RETURNS recovery.access_grant
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT access_grant FROM recovery.access_grant WHERE id = p_claim.grant_id
$$;

-- Says that something is about to be handed out under the claim. Handing out takes that to be committed, so
-- that no rollback makes a fetch that never was.
CREATE FUNCTION recovery.start_fetch(p_claim uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM recovery.require_claim(p_claim, '{unmask,lookup,dossier,retry,rewrap,retoken}');
  PERFORM recovery.commit_to_disk();
  UPDATE recovery.claim SET fetched_at = clock_timestamp(), fetched_in = pg_current_xact_id()
  WHERE id = p_claim AND fetched_at IS NULL;
END
$$;

-- The claim, if something may be handed out under it. It is read before its lock is taken, which would have to
-- come to the disk as well; and where something was handed out before, that it was begun is there.
CREATE FUNCTION recovery.require_fetch(p_claim uuid, p_capabilities text[]) RETURNS recovery.claim
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_begun recovery.claim;
  v_claim recovery.claim;
BEGIN
  SELECT * INTO v_begun FROM recovery.claim WHERE id = p_claim;
  IF v_begun.handed_out = 0 THEN PERFORM recovery.require_on_disk(); END IF;
  v_claim := recovery.require_claim(p_claim, p_capabilities);
  IF v_begun.fetched_at IS NULL OR v_begun.fetched_in = pg_current_xact_id() THEN
    RAISE EXCEPTION USING ERRCODE = 'MK003', MESSAGE = 'the fetch was not begun in a transaction of its own';
  END IF;
  RETURN v_claim;
END
$$;

-- What the result says of the database's own knowledge.
CREATE FUNCTION recovery.note_handed_out(p_claim uuid, p_count bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  UPDATE recovery.claim SET handed_out = handed_out + p_count WHERE id = p_claim
$$;

CREATE FUNCTION recovery.note_changed(p_claim uuid, p_count bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  UPDATE recovery.claim SET changed = changed + p_count WHERE id = p_claim
$$;

-- Bytes 2 to 17 of a sealed record (docs/formats.md).
CREATE FUNCTION recovery.batch_key_of(p_sealed bytea) RETURNS uuid
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT encode(substring(p_sealed FROM 3 FOR 16), 'hex')::uuid
$$;

CREATE FUNCTION recovery.is_erased(p_record uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM maskline.erased WHERE record_id = p_record)
$$;

-- The claimed sealed records, as far as they still exist: of rows ("row"), with their tokens and, where
-- the row says it, their subject; or of quarantined bodies ("quarantine"). Nothing of a record that was
-- erased, whatever somebody put back in its place.
CREATE FUNCTION recovery.fetch(p_claim uuid)
RETURNS TABLE (record_id uuid, source text, sealed bytea, seed bytea, batch_key_id uuid, tokens jsonb,
  subject text, sent_at text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_grant recovery.access_grant := recovery.grant_of(recovery.require_fetch(p_claim, '{unmask,retry}'));
  v_contract maskline.contract := recovery.contract_named(v_grant.contract);
  v_rows bigint := 0;
  v_bodies bigint;
BEGIN
  -- A retry wants what is in quarantine still, not what it has made a row.
  IF v_grant.capability = 'unmask' THEN
    RETURN QUERY EXECUTE format(
      'SELECT claimed.record_id, ''row'', vault.sealed, seed.seed, recovery.batch_key_of(vault.sealed),
         %s, %s, recovery.utc_ms(entry.sent_at)
       FROM recovery.claim_record AS claimed
         JOIN public.%I AS entry USING (record_id, create_date)
         JOIN maskline.vault USING (record_id, create_date)
         JOIN maskline.seed USING (record_id, create_date)
       WHERE claimed.claim_id = $1 AND NOT recovery.is_erased(claimed.record_id) AND %s IS NOT TRUE',
      recovery.tokens_expression(v_contract), recovery.subject_expression(v_contract),
      v_contract.table_name, recovery.some_token(v_contract, '%s = ''erased''')) USING p_claim;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
  END IF;
  RETURN QUERY
    SELECT claimed.record_id, 'quarantine', refused.sealed, seed.seed,
      recovery.batch_key_of(refused.sealed), NULL::jsonb, NULL, recovery.utc_ms(refused.sent_at)
    FROM recovery.claim_record AS claimed
      JOIN maskline.quarantine AS refused USING (record_id, create_date)
      JOIN maskline.seed USING (record_id, create_date)
    WHERE claimed.claim_id = p_claim AND refused.contract = v_contract.name
      AND NOT recovery.is_erased(claimed.record_id);
  GET DIAGNOSTICS v_bodies = ROW_COUNT;
  PERFORM recovery.note_handed_out(p_claim, v_rows + v_bodies);
END
$$;

CREATE FUNCTION recovery.fetch_batch_keys(p_claim uuid)
RETURNS TABLE (id uuid, recipient text, sealed bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM recovery.require_fetch(p_claim, '{unmask,retry}');
  RETURN QUERY
    SELECT key.id, key.recipient::text, key.sealed
    FROM maskline.batch_key AS key
    WHERE key.id IN (
      -- Each by its key, never by a join with whole tables.
      SELECT recovery.batch_key_of(coalesce(
        (SELECT vault.sealed FROM maskline.vault
         WHERE vault.record_id = claimed.record_id AND vault.create_date = claimed.create_date),
        (SELECT refused.sealed FROM maskline.quarantine AS refused
         WHERE refused.record_id = claimed.record_id AND refused.create_date = claimed.create_date)))
      FROM recovery.claim_record AS claimed
      WHERE claimed.claim_id = p_claim AND NOT recovery.is_erased(claimed.record_id));
END
$$;

-- Whether a result is made of codes that we know and of numbers.
CREATE FUNCTION recovery.is_result(p_detail jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE jsonb_typeof(p_detail) WHEN 'object' THEN
    p_detail ->> 'outcome' IN ('not_opened', 'opened', 'looked_up', 'listed', 'failed', 'erased', 'rewrapped',
      'retokened', 'retried')
    AND NOT EXISTS (
      SELECT FROM jsonb_each(p_detail) AS member (name, value)
      WHERE (CASE name
        WHEN 'outcome' THEN true
        WHEN 'reason' THEN value #>> '{}' IN ('no_checkpoint', 'forged_approval', 'wrong_person',
          'wrong_tenant', 'wrong_contract', 'wrong_capability', 'wrong_fields', 'wrong_records', 'wrong_value',
          'grant_used_up', 'grant_expired')
        WHEN 'opened' THEN recovery.is_whole(value)
        WHEN 'missing' THEN recovery.is_whole(value)
        WHEN 'failed' THEN recovery.is_whole(value)
        WHEN 'mismatched' THEN recovery.is_whole(value)
        WHEN 'misplaced' THEN recovery.is_whole(value)
        WHEN 'matches' THEN recovery.is_whole(value)
        WHEN 'records' THEN recovery.is_whole(value)
        WHEN 'seeds' THEN recovery.is_whole(value)
        WHEN 'moved' THEN recovery.is_whole(value)
        WHEN 'tombstoned' THEN recovery.is_whole(value)
        WHEN 'left' THEN recovery.is_whole(value)
        WHEN 'arrived' THEN recovery.is_whole(value)
        WHEN 'written' THEN recovery.is_whole(value)
        ELSE false END) IS NOT TRUE)
  ELSE false END
$$;

-- Ends a claim with what became of it.
CREATE FUNCTION recovery.report_result(p_claim uuid, p_detail jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_claim recovery.claim;
BEGIN
  PERFORM recovery.require(pg_column_size(p_detail) <= 4096 AND recovery.is_result(p_detail));
  PERFORM FROM recovery.audit_head FOR UPDATE;
  UPDATE recovery.claim SET closed_at = clock_timestamp()
  WHERE id = p_claim AND claimant = recovery.person() AND closed_at IS NULL
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

-- A look-up claims tokens of the value that was approved, and the audit names them.
CREATE FUNCTION recovery.claim_lookup(p_grant uuid, p_field text, p_tokens text[], p_claim uuid)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_refusal text;
BEGIN
  PERFORM recovery.require(p_grant IS NOT NULL AND p_claim IS NOT NULL
    AND octet_length(p_field) BETWEEN 1 AND 128 AND cardinality(p_tokens) BETWEEN 1 AND 1000
    AND NOT EXISTS (SELECT FROM unnest(p_tokens) AS token
      WHERE (octet_length(token) < 100 AND token ~ recovery.token_form()) IS NOT TRUE));
  PERFORM recovery.abandon_overdue(recovery.person());
  v_refusal := recovery.check_grant(p_grant, 'lookup', ARRAY[p_field], 1);
  IF v_refusal IS NULL AND NOT (SELECT selector -> 'tokens' @> to_jsonb(p_tokens)
    FROM recovery.access_grant WHERE id = p_grant) THEN
    v_refusal := 'wrong_value';
  END IF;
  IF v_refusal IS NOT NULL THEN RETURN recovery.refuse_claim(v_refusal, p_grant); END IF;
  RETURN recovery.open_claim(p_claim, p_grant, ARRAY[p_field], p_tokens, 1,
    clock_timestamp() + make_interval(secs => (SELECT claim_seconds FROM recovery.policy)),
    jsonb_build_object('tokens', p_tokens));
END
$$;

-- The rows with a claimed token: each column as text, in the contract's order.
CREATE FUNCTION recovery.fetch_lookup(p_claim uuid, p_limit integer)
RETURNS TABLE (record_id uuid, sent_at text, columns json)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- For times among the columns.
SET datestyle = 'ISO' SET timezone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
  v_claim recovery.claim := recovery.require_fetch(p_claim, '{lookup}');
  v_contract maskline.contract := recovery.contract_named(
    (SELECT contract FROM recovery.access_grant WHERE id = v_claim.grant_id));
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT entry.record_id, recovery.utc_ms(entry.sent_at), json_object(ARRAY[%s]::text[], ARRAY[%s]::text[])
     FROM public.%I AS entry
     WHERE entry.%I = ANY ($1)
     ORDER BY entry.sent_at, entry.record_id
     LIMIT $2',
    (SELECT string_agg(quote_literal(column_name), ', ' ORDER BY place)
     FROM unnest(v_contract.shown_columns) WITH ORDINALITY AS shown (column_name, place)),
    (SELECT string_agg(format('entry.%I::text', column_name), ', ' ORDER BY place)
     FROM unnest(v_contract.shown_columns) WITH ORDINALITY AS shown (column_name, place)),
    v_contract.table_name, v_contract.tokens ->> v_claim.fields[1])
  USING v_claim.tokens, least(p_limit, 10000);
END
$$;

-- What is in quarantine, newest first, without the bodies.
CREATE FUNCTION recovery.list_quarantine(p_limit integer)
RETURNS TABLE (record_id uuid, message_id uuid, sent_at text, quarantined_on text, contract text,
  reason text, sql_state text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT record_id, message_id, recovery.utc_ms(sent_at), to_char(quarantined_on, 'YYYY-MM-DD'),
    contract::text, reason::text, sql_state::text
  FROM maskline.quarantine
  ORDER BY quarantine.quarantined_on DESC, record_id DESC
  LIMIT least(p_limit, 10000)
$$;

REVOKE ALL ON ALL TABLES IN SCHEMA recovery FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA recovery FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recovery.claim(uuid, text, text[], uuid[], uuid), recovery.start_fetch(uuid), recovery.fetch(uuid),
  recovery.fetch_batch_keys(uuid), recovery.report_result(uuid, jsonb)
  TO maskline_requester, maskline_custodian;
GRANT EXECUTE ON FUNCTION recovery.claim_lookup(uuid, text, text[], uuid),
  recovery.fetch_lookup(uuid, integer) TO maskline_requester;
GRANT EXECUTE ON FUNCTION recovery.list_quarantine(integer)
  TO maskline_requester, maskline_custodian, maskline_auditor;
GRANT EXECUTE ON FUNCTION recovery.close_overdue() TO maskline_auditor;
