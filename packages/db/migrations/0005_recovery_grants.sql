-- Governed recovery, part 2: grants. One person asks, others approve, and the database knows who is
-- who by session_user.
--
-- A request takes two transactions, as a look does: its terms are audited first, and only once that
-- is committed does anybody learn how many records match. So a rollback makes no guess for free.
--
-- A refusal is an answer ({"refused": code}), not an error: an error would roll its audit row back.

CREATE TABLE recovery.access_grant (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant text NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
  requester text NOT NULL DEFAULT session_user,
  capability text NOT NULL
    CHECK (capability IN ('unmask', 'lookup', 'retry', 'erase', 'rewrap', 'retoken')),
  fields text[] NOT NULL,
  selector jsonb NOT NULL,
  -- Null until the selector is resolved, in a later transaction than the request's.
  records_digest bytea,
  record_count integer,
  requested_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
  purpose text NOT NULL CHECK (purpose ~ '^[a-z0-9][a-z0-9_-]{1,63}$'),
  ticket text NOT NULL CHECK (length(ticket) BETWEEN 1 AND 128),
  justification text NOT NULL CHECK (length(justification) BETWEEN 1 AND 2000),
  reveal text NOT NULL CHECK (reveal IN ('full', 'partial')),
  max_records integer CHECK (max_records > 0),
  used_records integer NOT NULL DEFAULT 0 CHECK (used_records BETWEEN 0 AND max_records),
  approvals_required smallint NOT NULL,
  nonce bytea NOT NULL DEFAULT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
  created_at timestamptz NOT NULL DEFAULT date_trunc('second', clock_timestamp()),
  expires_at timestamptz NOT NULL,
  denied_at timestamptz,
  revoked_at timestamptz,
  revoked_by text
);

-- What the selector meant when the request was made; the approval signs its digest.
CREATE TABLE recovery.grant_record (
  grant_id uuid NOT NULL REFERENCES recovery.access_grant (id),
  record_id uuid NOT NULL,
  create_date date NOT NULL,
  PRIMARY KEY (grant_id, record_id)
);

CREATE TABLE recovery.approval (
  grant_id uuid NOT NULL REFERENCES recovery.access_grant (id),
  approver text NOT NULL DEFAULT session_user,
  decision text NOT NULL CHECK (decision IN ('approve', 'deny')),
  key_id text NOT NULL,
  signature bytea NOT NULL,
  decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (grant_id, approver)
);

CREATE FUNCTION recovery.refuse(p_code text, p_grant uuid, p_detail jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM recovery.append_audit('refused', p_grant, NULL, jsonb_build_object('code', p_code) || p_detail);
  RETURN jsonb_build_object('refused', p_code);
END
$$;

CREATE FUNCTION recovery.utc(p_at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;

-- SHA-256 over the record ids, 16 bytes each, in ascending order.
CREATE FUNCTION recovery.digest_of(p_records uuid[]) RETURNS bytea
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT sha256(coalesce(string_agg(uuid_send(record_id), ''::bytea ORDER BY record_id), ''::bytea))
  FROM unnest(p_records) AS record_id
$$;

CREATE FUNCTION recovery.state_of(p_grant recovery.access_grant) RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE
    WHEN p_grant.revoked_at IS NOT NULL THEN 'revoked'
    WHEN p_grant.denied_at IS NOT NULL THEN 'denied'
    WHEN p_grant.expires_at <= clock_timestamp() THEN 'expired'
    WHEN p_grant.records_digest IS NULL THEN 'unresolved'
    WHEN p_grant.used_records >= p_grant.max_records THEN 'used_up'
    WHEN p_grant.approvals_required > (
      SELECT count(*) FROM recovery.approval
      WHERE grant_id = p_grant.id AND decision = 'approve' AND approver <> p_grant.requester)
      THEN 'pending'
    ELSE 'live'
  END
$$;

-- Which records a selector means. A user is found by user_id, never stored as one.
CREATE FUNCTION recovery.resolve(p_selector jsonb)
RETURNS TABLE (record_id uuid, create_date date)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  CASE p_selector ->> 'kind'
    WHEN 'records' THEN RETURN QUERY
      SELECT login.record_id, login.create_date FROM public.user_logins AS login
      WHERE login.record_id = ANY (ARRAY(SELECT jsonb_array_elements_text(p_selector -> 'ids'))::uuid[]);
    WHEN 'token' THEN RETURN QUERY
      SELECT login.record_id, login.create_date FROM public.user_logins AS login
      WHERE p_selector ->> 'token' IN (login.masked_ip, login.masked_device_id);
    WHEN 'user' THEN RETURN QUERY
      SELECT login.record_id, login.create_date FROM public.user_logins AS login
      WHERE login.user_id = p_selector ->> 'user_id';
    WHEN 'time' THEN RETURN QUERY
      SELECT login.record_id, login.create_date FROM public.user_logins AS login
      WHERE login.sent_at >= (p_selector ->> 'from')::timestamptz
        AND login.sent_at < (p_selector ->> 'to')::timestamptz
        AND login.create_date >= ((p_selector ->> 'from')::timestamptz AT TIME ZONE 'UTC')::date
        AND login.create_date <= ((p_selector ->> 'to')::timestamptz AT TIME ZONE 'UTC')::date;
    WHEN 'before' THEN RETURN QUERY
      SELECT login.record_id, login.create_date FROM public.user_logins AS login
      WHERE login.create_date < (p_selector ->> 'date')::date;
    WHEN 'quarantine' THEN RETURN QUERY
      SELECT refused.record_id, refused.create_date FROM maskline.quarantine AS refused
      WHERE refused.record_id = ANY (ARRAY(SELECT jsonb_array_elements_text(p_selector -> 'ids'))::uuid[]);
    ELSE RETURN;
  END CASE;
END
$$;

-- Whether a selector is in the one form that its kind takes. The audit keeps selectors for ever, so a
-- raw value that somebody gives as a token must not come in; and a date in another form would mean
-- another day in another session.
CREATE FUNCTION recovery.is_well_formed(p_selector jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE p_selector ->> 'kind'
    WHEN 'records' THEN uuids AND members <@ '{kind,ids,keepTokens}'
    WHEN 'quarantine' THEN uuids AND members <@ '{kind,ids}'
    WHEN 'token' THEN p_selector ->> 'token' ~ '^mk1\.[a-z0-9]{1,16}\.[A-Za-z0-9_-]{43}$'
      AND members <@ '{kind,token}'
    WHEN 'user' THEN jsonb_typeof(p_selector -> 'user_id') = 'string'
      AND length(p_selector ->> 'user_id') BETWEEN 1 AND 256
      AND members <@ '{kind,user_id,keepTokens}'
    WHEN 'time' THEN p_selector ->> 'from' ~ instant AND p_selector ->> 'to' ~ instant
      AND members <@ '{kind,from,to}'
    WHEN 'before' THEN p_selector ->> 'date' ~ '^\d{4}-\d{2}-\d{2}$'
      AND members <@ '{kind,date,keepTokens}'
    WHEN 'value' THEN members <@ '{kind}'
    WHEN 'recipient' THEN kids AND members <@ '{kind,from,to}'
    WHEN 'token_key' THEN kids AND members <@ '{kind,from,to,unopenable}'
      AND coalesce(p_selector ->> 'unopenable', 'leave') IN ('leave', 'tombstone')
  END IS TRUE AND coalesce(jsonb_typeof(p_selector -> 'keepTokens'), 'boolean') = 'boolean'
  FROM (SELECT
    ARRAY(SELECT jsonb_object_keys(p_selector)) AS members,
    jsonb_typeof(p_selector -> 'ids') = 'array' AND NOT EXISTS (
      SELECT FROM jsonb_array_elements_text(
        CASE jsonb_typeof(p_selector -> 'ids') WHEN 'array' THEN p_selector -> 'ids' ELSE '[]' END) AS id
      WHERE (id ~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$') IS NOT TRUE) AS uuids,
    p_selector ->> 'from' ~ '^[a-z0-9]{1,16}$' AND p_selector ->> 'to' ~ '^[a-z0-9]{1,16}$' AS kids,
    '^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$' AS instant) AS forms
$$;

-- How much a custodian's work would touch: records, or batch keys of a recipient.
CREATE FUNCTION recovery.count_matching(p_selector jsonb) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_prefix text := format('mk1.%s.', p_selector ->> 'from');
BEGIN
  CASE p_selector ->> 'kind'
    WHEN 'token_key' THEN RETURN (
      SELECT count(*) FROM public.user_logins AS login
      WHERE starts_with(login.masked_ip, v_prefix) OR starts_with(login.masked_device_id, v_prefix));
    WHEN 'recipient' THEN RETURN (
      SELECT count(*) FROM maskline.batch_key AS key WHERE key.recipient = p_selector ->> 'from');
    ELSE RETURN (SELECT count(*) FROM recovery.resolve(p_selector));
  END CASE;
END
$$;

-- Which selectors and fields a capability takes, and whose business it is.
CREATE FUNCTION recovery.check_request(
  p_capability text, p_fields text[], p_selector jsonb, p_reveal text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE
    WHEN role IS NULL THEN 'no_such_capability'
    WHEN NOT pg_has_role(session_user, role, 'MEMBER') THEN 'not_your_role'
    WHEN (p_selector ->> 'kind' = ANY (kinds)) IS NOT TRUE THEN 'wrong_selector'
    WHEN NOT recovery.is_well_formed(p_selector) THEN 'malformed_selector'
    -- A body has no part that could be shown in its place.
    WHEN p_reveal = 'partial' AND 'body' = ANY (p_fields) THEN 'wrong_reveal'
    WHEN NOT (CASE
      WHEN p_capability = 'unmask' AND p_selector ->> 'kind' = 'quarantine' THEN p_fields = '{body}'
      WHEN p_capability IN ('unmask', 'lookup')
        THEN p_fields <@ '{ip,device_id}' AND cardinality(p_fields) > 0
      ELSE p_fields = '{}' END) THEN 'wrong_fields'
  END
  FROM (SELECT) AS once LEFT JOIN (VALUES
    ('unmask', 'maskline_requester', '{records,token,user,time,quarantine}'::text[]),
    ('lookup', 'maskline_requester', '{value}'),
    ('retry', 'maskline_custodian', '{quarantine}'),
    ('erase', 'maskline_custodian', '{records,user,before,quarantine}'),
    ('rewrap', 'maskline_custodian', '{recipient}'),
    ('retoken', 'maskline_custodian', '{token_key}')
  ) AS allowed (capability, role, kinds) ON capability = p_capability
$$;

CREATE FUNCTION recovery.request_access(
  p_tenant text, p_capability text, p_fields text[], p_selector jsonb, p_purpose text, p_ticket text,
  p_justification text, p_reveal text, p_max_records integer, p_minutes integer)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_policy recovery.policy;
  v_grant recovery.access_grant;
  v_fields text[] := ARRAY(SELECT DISTINCT field FROM unnest(p_fields) AS field ORDER BY field);
  v_kind text := p_selector ->> 'kind';
  v_refusal text := recovery.check_request(p_capability, v_fields, p_selector, p_reveal);
BEGIN
  SELECT * INTO STRICT v_policy FROM recovery.policy;
  PERFORM FROM recovery.audit_head FOR UPDATE;
  IF v_refusal IS NULL AND v_policy.requests_per_hour <= (
    SELECT count(*) FROM recovery.audit
    WHERE actor = session_user AND at > clock_timestamp() - interval '1 hour'
      AND action = 'requested') THEN
    v_refusal := 'too_many_requests';
  END IF;
  IF v_refusal IS NULL
    AND (p_minutes BETWEEN 1 AND v_policy.max_grant_hours * 60) IS NOT TRUE THEN
    v_refusal := 'expires_too_late';
  END IF;
  IF v_refusal IS NOT NULL THEN
    RETURN recovery.refuse(v_refusal, NULL, jsonb_build_object('capability', p_capability));
  END IF;

  INSERT INTO recovery.access_grant (tenant, capability, fields, selector, purpose, ticket,
    justification, reveal, max_records, approvals_required, expires_at)
  VALUES (
    p_tenant, p_capability, v_fields,
    CASE v_kind WHEN 'user'
      THEN p_selector - 'user_id'
        || jsonb_build_object('subject', recovery.subject_mac(p_selector ->> 'user_id'))
      ELSE p_selector END,
    p_purpose, p_ticket, p_justification, p_reveal,
    -- The work of a custodian is bounded by its selector: rows arrive while it runs.
    CASE p_capability
      WHEN 'lookup' THEN coalesce(p_max_records, 1)
      WHEN 'erase' THEN 2147483647 WHEN 'rewrap' THEN 2147483647 WHEN 'retoken' THEN 2147483647
      ELSE p_max_records END,
    v_policy.approvals_required,
    date_trunc('second', clock_timestamp()) + make_interval(mins => p_minutes))
  RETURNING * INTO v_grant;
  PERFORM recovery.append_audit('requested', v_grant.id, NULL, jsonb_build_object(
    'capability', v_grant.capability, 'fields', v_grant.fields, 'selector', v_grant.selector,
    'purpose', v_grant.purpose, 'ticket', v_grant.ticket,
    'justification_sha256', encode(sha256(recovery.utf8(v_grant.justification)), 'hex'),
    'expires_at', recovery.utc(v_grant.expires_at)));
  RETURN jsonb_build_object('grant', v_grant.id);
END
$$;

-- Ends a request that cannot be approved.
CREATE FUNCTION recovery.end_request(p_grant uuid, p_code text, p_count bigint) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE recovery.access_grant SET denied_at = clock_timestamp() WHERE id = p_grant;
  RETURN recovery.refuse(p_code, p_grant, jsonb_build_object('records', p_count));
END
$$;

-- Says which records a request means, once the request is committed. The user_id is given again:
-- the request keeps only its HMAC.
CREATE FUNCTION recovery.resolve_request(p_grant uuid, p_user_id text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_policy recovery.policy;
  v_grant recovery.access_grant;
  v_selector jsonb;
  v_records uuid[] := '{}';
  v_dates date[] := '{}';
  v_count bigint;
BEGIN
  SELECT * INTO v_grant FROM recovery.access_grant WHERE id = p_grant;
  IF NOT FOUND OR v_grant.requester <> session_user THEN
    RETURN recovery.refuse('no_such_grant', NULL);
  END IF;
  IF v_grant.requested_in = pg_current_xact_id() THEN
    RAISE EXCEPTION USING ERRCODE = 'MK003', MESSAGE = 'the request is not committed';
  END IF;
  IF recovery.state_of(v_grant) <> 'unresolved' THEN
    RETURN recovery.refuse('grant_' || recovery.state_of(v_grant), p_grant);
  END IF;
  v_selector := v_grant.selector;
  IF v_selector ->> 'kind' = 'user' THEN
    IF recovery.subject_mac(p_user_id) IS DISTINCT FROM v_selector ->> 'subject' THEN
      RETURN recovery.refuse('wrong_records', p_grant);
    END IF;
    v_selector := v_selector || jsonb_build_object('user_id', p_user_id);
  END IF;

  -- Before any lock: this may read whole tables, and what it finds is told only below.
  SELECT * INTO STRICT v_policy FROM recovery.policy;
  IF v_grant.capability IN ('unmask', 'retry')
    OR v_grant.capability = 'erase' AND v_selector ->> 'kind' IN ('records', 'quarantine') THEN
    SELECT coalesce(array_agg(record_id), '{}'), coalesce(array_agg(create_date), '{}')
    INTO v_records, v_dates
    FROM (SELECT * FROM recovery.resolve(v_selector) LIMIT v_policy.max_records + 1) AS resolved;
    v_count := cardinality(v_records);
  ELSE
    v_count := recovery.count_matching(v_selector);
  END IF;

  PERFORM FROM recovery.audit_head FOR UPDATE;
  SELECT * INTO STRICT v_grant FROM recovery.access_grant WHERE id = p_grant FOR UPDATE;
  IF recovery.state_of(v_grant) <> 'unresolved' THEN
    RETURN recovery.refuse('grant_' || recovery.state_of(v_grant), p_grant);
  END IF;
  IF cardinality(v_records) > least(v_policy.max_records, v_grant.max_records) THEN
    RETURN recovery.end_request(p_grant, 'too_many_records', v_count);
  END IF;
  IF v_count = 0 AND v_grant.capability IN ('unmask', 'retry', 'erase') THEN
    RETURN recovery.end_request(p_grant, 'nothing_matches', v_count);
  END IF;

  INSERT INTO recovery.grant_record (grant_id, record_id, create_date)
  SELECT p_grant, record_id, create_date
  FROM unnest(v_records, v_dates) AS resolved (record_id, create_date);
  UPDATE recovery.access_grant
  SET records_digest = recovery.digest_of(v_records), record_count = v_count,
    max_records = coalesce(max_records, v_count)
  WHERE id = p_grant RETURNING * INTO v_grant;
  PERFORM recovery.append_audit('resolved', p_grant, NULL, jsonb_build_object(
    'records', v_grant.record_count, 'digest', encode(v_grant.records_digest, 'hex'),
    'max_records', v_grant.max_records));
  RETURN jsonb_build_object('grant', p_grant);
END
$$;

CREATE FUNCTION recovery.may_see(p_grant recovery.access_grant) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT p_grant.requester = session_user
    OR pg_has_role(session_user, 'maskline_approver', 'MEMBER')
    OR pg_has_role(session_user, 'maskline_auditor', 'MEMBER')
$$;

-- Everything that an approval signs, and what became of the grant.
CREATE FUNCTION recovery.describe(p_grant recovery.access_grant) RETURNS jsonb
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object(
    'id', p_grant.id, 'tenant', p_grant.tenant, 'requester', p_grant.requester,
    'capability', p_grant.capability, 'fields', p_grant.fields, 'selector', p_grant.selector,
    'digest', encode(coalesce(p_grant.records_digest, recovery.digest_of('{}')), 'hex'),
    'records', coalesce(p_grant.record_count, 0),
    'purpose', p_grant.purpose, 'ticket', p_grant.ticket, 'justification', p_grant.justification,
    'reveal', p_grant.reveal, 'maxRecords', coalesce(p_grant.max_records, 0), 'usedRecords', p_grant.used_records,
    'approvalsRequired', p_grant.approvals_required, 'nonce', encode(p_grant.nonce, 'hex'),
    'createdAt', recovery.utc(p_grant.created_at), 'expiresAt', recovery.utc(p_grant.expires_at),
    'state', recovery.state_of(p_grant),
    'approvals', coalesce((
      SELECT jsonb_agg(jsonb_build_object('approver', approver, 'decision', decision,
        'keyId', key_id, 'signature', encode(signature, 'hex')) ORDER BY decided_at)
      FROM recovery.approval WHERE grant_id = p_grant.id), '[]'))
$$;

CREATE FUNCTION recovery.list_grants(p_limit integer) RETURNS SETOF jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT recovery.describe(access_grant)
  FROM recovery.access_grant
  WHERE recovery.may_see(access_grant)
  ORDER BY created_at DESC, id
  LIMIT least(p_limit, 1000)
$$;

-- Null where there is no such grant, or it is not the caller's to see.
CREATE FUNCTION recovery.show_grant(p_grant uuid) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT recovery.describe(access_grant)
  FROM recovery.access_grant
  WHERE id = p_grant AND recovery.may_see(access_grant)
$$;

CREATE FUNCTION recovery.grant_records(p_grant uuid) RETURNS SETOF uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT listed.record_id
  FROM recovery.grant_record AS listed JOIN recovery.access_grant ON access_grant.id = listed.grant_id
  WHERE listed.grant_id = p_grant AND recovery.may_see(access_grant)
  ORDER BY listed.record_id
$$;

-- p_signer: the login for which the tool signed. An approval under another's key would never hold.
CREATE FUNCTION recovery.decide(
  p_grant uuid, p_decision text, p_key_id text, p_signature bytea, p_signer text)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_grant recovery.access_grant;
  v_state text;
BEGIN
  -- First of all locks, here as in a claim: so they cannot wait for each other in a ring.
  PERFORM FROM recovery.audit_head FOR UPDATE;
  SELECT * INTO v_grant FROM recovery.access_grant WHERE id = p_grant FOR UPDATE;
  IF NOT FOUND THEN RETURN recovery.refuse('no_such_grant', NULL); END IF;
  v_state := recovery.state_of(v_grant);
  IF v_grant.requester = session_user THEN RETURN recovery.refuse('self_approval', p_grant); END IF;
  IF p_signer IS DISTINCT FROM session_user THEN RETURN recovery.refuse('wrong_signer', p_grant); END IF;
  IF v_state <> 'pending' THEN RETURN recovery.refuse('grant_' || v_state, p_grant); END IF;
  IF EXISTS (SELECT FROM recovery.approval WHERE grant_id = p_grant AND approver = session_user) THEN
    RETURN recovery.refuse('already_decided', p_grant);
  END IF;
  INSERT INTO recovery.approval (grant_id, decision, key_id, signature)
  VALUES (p_grant, p_decision, p_key_id, p_signature);
  IF p_decision = 'deny' THEN
    UPDATE recovery.access_grant SET denied_at = clock_timestamp() WHERE id = p_grant
    RETURNING * INTO v_grant;
  END IF;
  PERFORM recovery.append_audit(CASE p_decision WHEN 'deny' THEN 'denied' ELSE 'approved' END,
    p_grant, NULL, jsonb_build_object('key', p_key_id,
      'signature_sha256', encode(sha256(p_signature), 'hex')));
  RETURN jsonb_build_object('state', recovery.state_of(v_grant));
END
$$;

-- By the requester, by any approver, or by an auditor who saw something.
CREATE FUNCTION recovery.revoke(p_grant uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_grant recovery.access_grant;
BEGIN
  -- First of all locks, here as in a claim: so they cannot wait for each other in a ring.
  PERFORM FROM recovery.audit_head FOR UPDATE;
  SELECT * INTO v_grant FROM recovery.access_grant WHERE id = p_grant FOR UPDATE;
  IF NOT FOUND OR NOT recovery.may_see(v_grant) THEN
    RETURN recovery.refuse('no_such_grant', NULL);
  END IF;
  IF v_grant.revoked_at IS NOT NULL THEN RETURN recovery.refuse('grant_revoked', p_grant); END IF;
  UPDATE recovery.access_grant SET revoked_at = clock_timestamp(), revoked_by = session_user
  WHERE id = p_grant;
  PERFORM recovery.append_audit('revoked', p_grant, NULL, '{}');
  RETURN jsonb_build_object('state', 'revoked');
END
$$;

-- What the tool refuses by itself: an approval whose signature does not hold.
CREATE FUNCTION recovery.report_refusal(p_grant uuid, p_code text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF p_code NOT IN ('forged_approval', 'wrong_records', 'wrong_fields', 'confirmation_declined') THEN
    RAISE EXCEPTION USING ERRCODE = 'MK001', MESSAGE = 'no such refusal';
  END IF;
  RETURN recovery.refuse(p_code, p_grant, '{"by": "tool"}');
END
$$;

REVOKE ALL ON ALL TABLES IN SCHEMA recovery FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA recovery FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  recovery.request_access(text, text, text[], jsonb, text, text, text, text, integer, integer),
  recovery.resolve_request(uuid, text)
  TO maskline_requester, maskline_custodian;
GRANT EXECUTE ON FUNCTION recovery.list_grants(integer), recovery.show_grant(uuid),
  recovery.grant_records(uuid), recovery.revoke(uuid)
  TO maskline_requester, maskline_approver, maskline_custodian, maskline_auditor;
GRANT EXECUTE ON FUNCTION recovery.decide(uuid, text, text, bytea, text) TO maskline_approver;
GRANT EXECUTE ON FUNCTION recovery.report_refusal(uuid, text)
  TO maskline_requester, maskline_approver, maskline_custodian;
