-- Governed recovery, part 2: grants. One person asks, others approve, and the database knows who is
-- who by recovery.person().
--
-- A request takes two transactions, as an access does: its terms are audited first, and only once
-- that is committed does anybody learn how many records match. Nothing is shown of what the current
-- transaction made or changed, so that a rollback makes no guess for free.

CREATE TABLE recovery.access_grant (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant text NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
  requester text NOT NULL DEFAULT recovery.person(),
  -- '*' where the work is on what the contracts share.
  contract text NOT NULL CHECK (length(contract) BETWEEN 1 AND 63),
  capability text NOT NULL
    CHECK (capability IN ('unmask', 'lookup', 'dossier', 'retry', 'erase', 'rewrap', 'retoken')),
  fields text[] NOT NULL,
  -- As recovery.kept_selector leaves it: without ids, and without the value of a subject.
  selector jsonb NOT NULL CHECK (octet_length(selector::text) <= 4096),
  -- With the subject's value it opens the selector's commitment, so that it is shown to those alone who
  -- know the value.
  subject_salt bytea CHECK (octet_length(subject_salt) = 32),
  -- Null until the selector is resolved, in a later transaction than the request's.
  records_digest bytea,
  -- How far the listing of a custodian's work has come; null where it is through.
  walked_to uuid DEFAULT '00000000-0000-0000-0000-000000000000',
  record_count bigint,
  -- Why it can never be approved, where that is known: a code.
  ended text CHECK (ended IN ('nothing_matches', 'too_many_records', 'stands_twice')),
  -- The transaction that made or changed it last; a subtransaction has the id of its transaction.
  changed_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
  purpose text NOT NULL CHECK (purpose ~ '^[a-z0-9][a-z0-9_-]{1,63}$'),
  ticket text NOT NULL CHECK (length(ticket) BETWEEN 1 AND 128),
  justification text NOT NULL CHECK (length(justification) BETWEEN 1 AND 2000),
  reveal text NOT NULL CHECK (reveal IN ('full', 'partial')),
  max_records bigint CHECK (max_records > 0),
  used_records bigint NOT NULL DEFAULT 0 CHECK (used_records BETWEEN 0 AND max_records),
  approvals_required smallint NOT NULL,
  nonce bytea NOT NULL DEFAULT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
  created_at timestamptz NOT NULL DEFAULT date_trunc('second', clock_timestamp()),
  expires_at timestamptz NOT NULL,
  denied_at timestamptz,
  revoked_at timestamptz,
  revoked_by text
);

CREATE INDEX access_grant_by_requester ON recovery.access_grant (requester, created_at);

-- What the selector meant when the request was made; the approval signs its digest.
CREATE TABLE recovery.grant_record (
  grant_id uuid NOT NULL REFERENCES recovery.access_grant (id),
  record_id uuid NOT NULL,
  create_date date NOT NULL,
  PRIMARY KEY (grant_id, record_id)
);

CREATE TABLE recovery.approval (
  grant_id uuid NOT NULL REFERENCES recovery.access_grant (id),
  approver text COLLATE "C" NOT NULL DEFAULT recovery.person(),
  decision text NOT NULL CHECK (decision IN ('approve', 'deny')),
  key_id text NOT NULL,
  signature bytea NOT NULL,
  decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (grant_id, approver)
);

-- What somebody asked of a request before deciding about it.
CREATE TABLE recovery.comparison (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  grant_id uuid NOT NULL REFERENCES recovery.access_grant (id),
  asker text NOT NULL DEFAULT recovery.person(),
  what text NOT NULL CHECK (what IN ('subject', 'value')),
  -- As the audit has it: tokens, or the MAC of a subject.
  named jsonb NOT NULL,
  transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id()
);

-- The digest of records (docs/recovery-formats.md): SHA-256 over their ids in ascending order, in pages of
-- 10,000, each after the digest of those before it.
CREATE FUNCTION recovery.digest_page(p_before bytea, p_records uuid[]) RETURNS bytea
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT sha256(p_before || coalesce(string_agg(uuid_send(record_id), ''::bytea ORDER BY record_id), ''::bytea))
  FROM unnest(p_records) AS record_id
$$;

CREATE FUNCTION recovery.digest_of(p_records uuid[]) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_records uuid[] := ARRAY(SELECT unnest(p_records) ORDER BY 1);
  v_digest bytea := recovery.digest_page('', v_records[1:10000]);
BEGIN
  FOR place IN 10001..cardinality(v_records) BY 10000 LOOP
    v_digest := recovery.digest_page(v_digest, v_records[place:place + 9999]);
  END LOOP;
  RETURN v_digest;
END
$$;

CREATE FUNCTION recovery.digest_of_grant(p_grant uuid) RETURNS bytea
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_records uuid[];
  v_last uuid := '00000000-0000-0000-0000-000000000000';
  v_digest bytea := '';
BEGIN
  LOOP
    v_records := ARRAY(SELECT record_id FROM recovery.grant_record
      WHERE grant_id = p_grant AND record_id > v_last ORDER BY record_id LIMIT 10000);
    EXIT WHEN cardinality(v_records) = 0;
    v_digest := recovery.digest_page(v_digest, v_records);
    v_last := v_records[cardinality(v_records)];
  END LOOP;
  RETURN CASE WHEN v_digest = '' THEN recovery.digest_of('{}') ELSE v_digest END;
END
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

CREATE FUNCTION recovery.contract_named(p_name text) RETURNS maskline.contract
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT contract FROM maskline.contract WHERE name = p_name
$$;

-- For a console that is asked whether it is ready, by nobody in particular.
CREATE FUNCTION recovery.knows_contract(p_name text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT octet_length(p_name) <= 128 AND EXISTS (SELECT FROM maskline.contract WHERE name = p_name)
$$;

-- The four functions below write parts of statements on a contract's table, in which its row is called
-- "entry". All names in them come from maskline.contract, which only the owner writes.

-- The row's tokens by field. What an optional field does not have is left out.
CREATE FUNCTION recovery.tokens_expression(p_contract maskline.contract) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('jsonb_strip_nulls(jsonb_object(ARRAY[%s]::text[], ARRAY[%s]::text[]))',
    string_agg(quote_literal(field), ', ' ORDER BY field),
    string_agg('entry.' || quote_ident(column_name), ', ' ORDER BY field))
  FROM jsonb_each_text(p_contract.tokens) AS token (field, column_name)
$$;

-- Whether one of its tokens passes the test, in which %s stands for the token.
CREATE FUNCTION recovery.some_token(p_contract maskline.contract, p_test text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('(%s)', coalesce(
    string_agg(format(p_test, 'entry.' || quote_ident(column_name)), ' OR '), 'false'))
  FROM jsonb_each_text(p_contract.tokens) AS token (field, column_name)
$$;

-- Whose message it is; null where only a token says so.
CREATE FUNCTION recovery.subject_expression(p_contract maskline.contract) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN p_contract.subject_is_masked THEN 'NULL::text'
    ELSE format('entry.%I::text', p_contract.subject_column) END
$$;

-- What finds a subject's rows by a selector that is given as $1.
CREATE FUNCTION recovery.subject_test(p_contract maskline.contract) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN p_contract.subject_is_masked
    THEN format('entry.%I = ANY (ARRAY(SELECT jsonb_array_elements_text($1 -> ''tokens'')))',
      p_contract.subject_column)
    ELSE format('entry.%I::text = $1 ->> ''subject''', p_contract.subject_column) END
$$;

-- Whether a selector says whose the records are.
CREATE FUNCTION recovery.names_subject(p_selector jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT p_selector ? 'commitment'
$$;

-- In a comparison as a subquery: else it is called for each row.
CREATE FUNCTION recovery.ids_of(p_selector jsonb) RETURNS uuid[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY(SELECT DISTINCT id::uuid FROM jsonb_array_elements_text(p_selector -> 'ids') AS id)
$$;

-- Which records a selector means.
CREATE FUNCTION recovery.resolve(p_contract maskline.contract, p_selector jsonb)
RETURNS TABLE (record_id uuid, create_date date)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_test text := CASE p_selector ->> 'kind'
    WHEN 'records' THEN 'entry.record_id = ANY ((SELECT recovery.ids_of($1))::uuid[])'
    WHEN 'token' THEN recovery.some_token(p_contract, '%s = $1 ->> ''token''')
    WHEN 'subject' THEN recovery.subject_test(p_contract)
    WHEN 'time' THEN
      'entry.sent_at >= ($1 ->> ''from'')::timestamptz AND entry.sent_at < ($1 ->> ''to'')::timestamptz
        AND entry.create_date >= (($1 ->> ''from'')::timestamptz AT TIME ZONE ''UTC'')::date
        AND entry.create_date <= (($1 ->> ''to'')::timestamptz AT TIME ZONE ''UTC'')::date'
  END;
BEGIN
  IF recovery.names_subject(p_selector) AND p_selector ->> 'kind' <> 'subject' THEN
    v_test := format('(%s) AND %s', v_test, recovery.subject_test(p_contract));
  END IF;
  IF p_selector ->> 'kind' = 'quarantine' THEN
    RETURN QUERY
      SELECT refused.record_id, refused.create_date FROM maskline.quarantine AS refused
      WHERE refused.record_id = ANY ((SELECT recovery.ids_of(p_selector))::uuid[]) AND refused.contract = p_contract.name;
  ELSIF v_test IS NOT NULL THEN
    RETURN QUERY EXECUTE format(
      'SELECT entry.record_id, entry.create_date FROM public.%I AS entry WHERE %s',
      p_contract.table_name, v_test) USING p_selector;
    RETURN QUERY SELECT * FROM recovery.tagged(p_contract, p_selector);
  END IF;
END
$$;

CREATE INDEX quarantine_by_tag ON maskline.quarantine (subject_tag) WHERE subject_tag IS NOT NULL;

-- The quarantined messages of a subject, by the tags of its value, one a token key.
CREATE FUNCTION recovery.tagged(p_contract maskline.contract, p_selector jsonb)
RETURNS TABLE (record_id uuid, create_date date)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT refused.record_id, refused.create_date FROM maskline.quarantine AS refused
  WHERE refused.contract = p_contract.name
    AND refused.subject_tag = ANY (ARRAY(SELECT jsonb_array_elements_text(p_selector -> 'tags')))
$$;

-- Whether these texts are so many, each of this form; no null, and nothing that is no text.
CREATE FUNCTION recovery.are_texts(p_list jsonb, p_most integer, p_form text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE jsonb_typeof(p_list) WHEN 'array' THEN
    jsonb_array_length(p_list) BETWEEN 1 AND p_most AND NOT EXISTS (
      SELECT FROM jsonb_array_elements(p_list) AS element
      WHERE (jsonb_typeof(element) = 'string' AND element #>> '{}' ~ p_form) IS NOT TRUE)
  ELSE false END
$$;

-- A token, under the key `p_kid` if that is said.
CREATE FUNCTION recovery.token_form(p_kid text DEFAULT '[a-z0-9]{1,16}') RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT '^mk1\.' || p_kid || '\.[A-Za-z0-9_-]{43}$'
$$;

-- Whether a selector is in the one form that its kind takes. The audit keeps selectors for ever, so a
-- raw value that somebody gives as a token must not come in; and a date in another form would mean
-- another day in another session.
CREATE FUNCTION recovery.is_well_formed(p_contract maskline.contract, p_selector jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_members text[] := CASE jsonb_typeof(p_selector) WHEN 'object'
    THEN ARRAY(SELECT jsonb_object_keys(p_selector)) END;
  v_allowed text[];
  v_of_subject text[] := ARRAY['commitment', 'salt',
    CASE WHEN p_contract.subject_is_masked THEN 'tokens' ELSE 'subject' END];
  v_holds boolean;
BEGIN
  CASE p_selector ->> 'kind'
    WHEN 'records', 'quarantine' THEN
      v_allowed := '{kind,ids,keepTokens}';
      v_holds := recovery.are_texts(p_selector -> 'ids', (SELECT max_records FROM recovery.policy),
        '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$');
    WHEN 'token' THEN
      v_allowed := '{kind,token}';
      v_holds := p_selector ->> 'token' ~ recovery.token_form();
    WHEN 'subject' THEN
      v_allowed := '{kind,tags,keepTokens}';
      v_holds := recovery.names_subject(p_selector)
        AND (NOT p_selector ? 'tags' OR recovery.are_texts(p_selector -> 'tags', 16, recovery.token_form()));
    WHEN 'time' THEN
      v_allowed := '{kind,from,to}';
      v_holds := recovery.is_instant(p_selector ->> 'from') AND recovery.is_instant(p_selector ->> 'to');
    WHEN 'before' THEN
      v_allowed := '{kind,date,keepTokens}';
      v_holds := recovery.is_instant((p_selector ->> 'date') || 'T00:00:00Z');
    WHEN 'value' THEN
      v_allowed := '{kind,tokens}';
      v_holds := recovery.are_texts(p_selector -> 'tokens', 16, recovery.token_form());
    WHEN 'recipient', 'token_key' THEN
      v_allowed := CASE p_selector ->> 'kind' WHEN 'recipient' THEN '{kind,from,to}'
        ELSE '{kind,from,to,unopenable}' END;
      v_holds := recovery.are_texts(jsonb_build_array(p_selector -> 'from', p_selector -> 'to'), 2,
          '^[a-z0-9]{1,16}$')
        AND coalesce(p_selector ->> 'unopenable', 'leave') IN ('leave', 'tombstone');
    ELSE RETURN false;
  END CASE;
  IF p_selector ->> 'kind' IN ('records', 'token', 'subject', 'time') AND v_members && v_of_subject THEN
    v_allowed := v_allowed || v_of_subject;
    v_holds := v_holds AND v_of_subject <@ v_members
      AND p_selector ->> 'commitment' ~ '^[0-9a-f]{64}$' AND p_selector ->> 'salt' ~ '^[0-9a-f]{64}$'
      AND CASE WHEN p_contract.subject_is_masked
      THEN recovery.are_texts(p_selector -> 'tokens', 16, recovery.token_form())
      ELSE jsonb_typeof(p_selector -> 'subject') = 'string'
        AND octet_length(p_selector ->> 'subject') BETWEEN 1 AND 4096 END;
  END IF;
  RETURN (v_holds AND v_members <@ v_allowed
    AND coalesce(jsonb_typeof(p_selector -> 'keepTokens'), 'boolean') = 'boolean') IS TRUE;
END
$$;

CREATE FUNCTION recovery.is_instant(p_text text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- A cast alone would take 'now', and a date in the session's own form.
  IF p_text ~ '^[12]\d{3}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$' THEN
    RETURN p_text::timestamptz IS NOT NULL;
  END IF;
  RETURN false;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
  RETURN false;
END
$$;

-- A selector as the grant, its approvals and the audit have it: for ids their digest and number, for a
-- subject's value its MAC. The salt of its commitment is kept apart.
CREATE FUNCTION recovery.kept_selector(p_selector jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT p_selector - '{ids,salt}'::text[]
    || CASE WHEN p_selector ? 'ids' THEN jsonb_build_object(
      'count', cardinality(recovery.ids_of(p_selector)),
      'digest', encode(recovery.digest_of(recovery.ids_of(p_selector)), 'hex')) ELSE '{}' END
    || CASE WHEN p_selector ? 'subject'
      THEN jsonb_build_object('subject', recovery.subject_mac(p_selector ->> 'subject')) ELSE '{}' END
$$;

-- What a custodian's work touches of the rows that follow `p_after`, or of the batch keys: a page in the
-- order of their ids, so that no call takes long. `last` is null once there is no row left.
CREATE FUNCTION recovery.work_page(p_contract maskline.contract, p_selector jsonb, p_after uuid,
  OUT last uuid, OUT records uuid[], OUT dates date[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF p_selector ->> 'kind' = 'recipient' THEN
    SELECT array_agg(id ORDER BY id), array_agg(sealed_on ORDER BY id) INTO records, dates
    FROM (SELECT id, sealed_on FROM maskline.batch_key
      WHERE recipient = p_selector ->> 'from' AND id > p_after ORDER BY id LIMIT 10000) AS page;
    last := records[cardinality(records)];
    RETURN;
  END IF;
  EXECUTE format(
    'WITH walked AS MATERIALIZED (
       SELECT entry.record_id, entry.create_date, %s AS is_meant, %s AS has_token
       FROM public.%I AS entry
       WHERE entry.record_id > $2 AND entry.create_date < coalesce(($1 ->> ''date'')::date, ''infinity'')
       ORDER BY entry.record_id LIMIT 10000
     ), meant AS (
       SELECT walked.record_id, walked.create_date
       FROM walked LEFT JOIN maskline.seed USING (record_id, create_date)
       WHERE walked.is_meant AND ($1 ->> ''kind'' = ''token_key'' OR seed.record_id IS NOT NULL
         OR walked.has_token AND NOT coalesce(($1 ->> ''keepTokens'')::boolean, false))
     )
     SELECT (SELECT record_id FROM walked ORDER BY record_id DESC LIMIT 1),
       (SELECT array_agg(record_id ORDER BY record_id) FROM meant),
       (SELECT array_agg(create_date ORDER BY record_id) FROM meant)',
    CASE p_selector ->> 'kind' WHEN 'before' THEN 'true'
      WHEN 'token_key' THEN recovery.some_token(p_contract,
        format('starts_with(%%s, %L)', format('mk1.%s.', p_selector ->> 'from')))
      ELSE recovery.subject_test(p_contract) END,
    recovery.some_token(p_contract, '%s <> ''erased'''), p_contract.table_name)
  INTO last, records, dates USING p_selector, p_after;
END
$$;

-- Lists what a custodian's work is for, so many rows in a call. Once it is through, the grant's
-- walked_to is null.
CREATE FUNCTION recovery.list_work(p_grant uuid, p_contract maskline.contract, p_selector jsonb)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_walked_to uuid;
  v_page record;
BEGIN
  SELECT walked_to INTO v_walked_to FROM recovery.access_grant WHERE id = p_grant FOR UPDATE;
  FOR i IN 1..10 LOOP
    EXIT WHEN v_walked_to IS NULL;
    v_page := recovery.work_page(p_contract, p_selector, v_walked_to);
    v_walked_to := v_page.last;
    INSERT INTO recovery.grant_record (grant_id, record_id, create_date)
    SELECT p_grant, record_id, create_date
    FROM unnest(v_page.records, v_page.dates) AS page (record_id, create_date)
    ON CONFLICT DO NOTHING;
  END LOOP;
  IF v_walked_to IS NULL AND p_selector ? 'tags' THEN
    INSERT INTO recovery.grant_record (grant_id, record_id, create_date)
    SELECT p_grant, record_id, create_date FROM recovery.tagged(p_contract, p_selector)
    ON CONFLICT DO NOTHING;
  END IF;
  UPDATE recovery.access_grant SET walked_to = v_walked_to, changed_in = pg_current_xact_id() WHERE id = p_grant;
END
$$;

-- Which contract, selectors and fields a capability takes, and whose business it is.
CREATE FUNCTION recovery.check_request(p_contract maskline.contract, p_request jsonb, p_fields text[])
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_selector jsonb := p_request -> 'selector';
  v_role name;
  v_kinds text[];
  v_fields text[];
BEGIN
  SELECT role, kinds INTO v_role, v_kinds FROM (VALUES
    ('unmask', 'maskline_requester', '{records,token,subject,time,quarantine}'::text[]),
    ('lookup', 'maskline_requester', '{value}'),
    ('dossier', 'maskline_requester', '{subject}'),
    ('retry', 'maskline_custodian', '{quarantine}'),
    ('erase', 'maskline_custodian', '{records,subject,before,quarantine}'),
    ('rewrap', 'maskline_custodian', '{recipient}'),
    ('retoken', 'maskline_custodian', '{token_key}')
  ) AS allowed (capability, role, kinds) WHERE capability = p_request ->> 'capability';
  v_fields := CASE
    WHEN p_request ->> 'capability' = 'lookup'
      THEN ARRAY(SELECT jsonb_object_keys(p_contract.tokens))
    WHEN p_request ->> 'capability' <> 'unmask' THEN '{}'
    WHEN v_selector ->> 'kind' = 'quarantine' THEN '{body}'
    ELSE p_contract.masked_fields END;
  RETURN CASE
    WHEN v_role IS NULL THEN 'no_such_capability'
    WHEN NOT pg_has_role(recovery.person(), v_role, 'MEMBER') THEN 'not_your_role'
    WHEN p_contract.name IS NULL
      AND (p_request ->> 'capability' = 'rewrap' AND p_request ->> 'contract' = '*') IS NOT TRUE
      OR p_contract.name IS NOT NULL AND p_request ->> 'capability' = 'rewrap' THEN 'no_such_contract'
    WHEN (v_selector ->> 'kind' = ANY (v_kinds)) IS NOT TRUE THEN 'wrong_selector'
    WHEN NOT recovery.is_well_formed(p_contract, v_selector)
      -- Bodies are opened by themselves; all else that is of a subject is of its bodies too.
      OR v_selector ? 'tags' AND p_request ->> 'capability' NOT IN ('erase', 'dossier')
      -- What is erased is chosen in one way alone.
      OR recovery.names_subject(v_selector) AND v_selector ->> 'kind' <> 'subject'
        AND p_request ->> 'capability' <> 'unmask' THEN 'malformed_selector'
    -- Two tokens under one key are two values, and one token is a value in one field.
    WHEN p_request ->> 'capability' = 'lookup' AND jsonb_array_length(v_selector -> 'tokens') <> (
      SELECT count(DISTINCT split_part(token, '.', 2))
      FROM jsonb_array_elements_text(v_selector -> 'tokens') AS token) THEN 'wrong_tokens'
    WHEN p_request ->> 'capability' = 'lookup' AND cardinality(p_fields) <> 1 THEN 'wrong_fields'
    WHEN p_request ->> 'capability' IN ('erase', 'dossier') AND v_selector ->> 'kind' = 'subject' AND NOT v_selector ? 'tags'
      AND EXISTS (SELECT FROM maskline.quarantine AS refused
        WHERE refused.contract = p_contract.name AND refused.subject_tag IS NOT NULL) THEN 'tags_missing'
    -- A body has no part that could be shown in its place.
    WHEN p_request ->> 'reveal' = 'partial' AND 'body' = ANY (p_fields) THEN 'wrong_reveal'
    WHEN (p_fields <@ v_fields AND (cardinality(p_fields) > 0 OR cardinality(v_fields) = 0)) IS NOT TRUE
      THEN 'wrong_fields'
  END;
END
$$;

-- A text as people write it: so long at most, and on one line unless `p_breaks`.
CREATE FUNCTION recovery.is_text(p_value jsonb, p_most integer, p_breaks boolean DEFAULT false)
RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_typeof(p_value) = 'string' AND length(p_value #>> '{}') BETWEEN 1 AND p_most
    AND CASE WHEN p_breaks THEN translate(p_value #>> '{}', E'\t\r\n', '') ELSE p_value #>> '{}' END
      !~ '[\x01-\x1f\x7f-\x9f]'
$$;

CREATE FUNCTION recovery.is_whole(p_value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_typeof(p_value) = 'number' AND p_value #>> '{}' ~ '^\d{1,9}$'
$$;

-- p_request: tenant, contract, capability, fields, selector, purpose, ticket, justification, reveal,
-- minutes, and maxRecords or null. Answers with the grant's id.
CREATE FUNCTION recovery.request_access(p_request jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_policy recovery.policy;
  v_grant recovery.access_grant;
  v_contract maskline.contract;
  v_capability text := p_request ->> 'capability';
  v_fields text[];
  v_refusal text;
BEGIN
  PERFORM recovery.require(pg_column_size(p_request) <= 16777216
    AND jsonb_typeof(p_request) = 'object'
    AND recovery.is_text(p_request -> 'tenant', 64)
    AND recovery.is_text(p_request -> 'contract', 63)
    AND recovery.is_text(p_request -> 'ticket', 128)
    AND recovery.is_text(p_request -> 'justification', 2000, p_breaks => true)
    AND p_request ->> 'purpose' ~ '^[a-z0-9][a-z0-9_-]{1,63}$'
    AND p_request ->> 'reveal' IN ('full', 'partial')
    AND recovery.is_whole(p_request -> 'minutes')
    AND (p_request ->> 'maxRecords' IS NULL
      OR recovery.is_whole(p_request -> 'maxRecords') AND p_request ->> 'maxRecords' <> '0')
    AND (p_request -> 'fields' = '[]'
      OR recovery.are_texts(p_request -> 'fields', 200, '^[A-Za-z_][A-Za-z0-9_-]{0,62}$')));
  v_contract := recovery.contract_named(p_request ->> 'contract');
  v_fields := ARRAY(SELECT DISTINCT field FROM jsonb_array_elements_text(p_request -> 'fields') AS field ORDER BY 1);
  v_refusal := recovery.check_request(v_contract, p_request, v_fields);
  SELECT * INTO STRICT v_policy FROM recovery.policy;
  PERFORM FROM recovery.audit_head FOR UPDATE;
  IF v_refusal IS NULL AND recovery.count_recent('requested') >= v_policy.requests_per_hour THEN
    v_refusal := 'too_many_requests';
  END IF;
  IF v_refusal IS NULL AND NOT (p_request ->> 'minutes')::integer BETWEEN 1 AND v_policy.max_grant_hours * 60 THEN
    v_refusal := 'expires_too_late';
  END IF;
  IF v_refusal IS NOT NULL THEN
    RETURN recovery.refuse(v_refusal, NULL, CASE WHEN v_refusal <> 'no_such_capability'
      THEN jsonb_build_object('capability', v_capability) ELSE '{}' END);
  END IF;

  INSERT INTO recovery.access_grant (tenant, contract, capability, fields, selector, subject_salt, purpose,
    ticket, justification, reveal, max_records, approvals_required, expires_at)
  VALUES (
    p_request ->> 'tenant', p_request ->> 'contract', v_capability, v_fields,
    recovery.kept_selector(p_request -> 'selector'), decode(p_request -> 'selector' ->> 'salt', 'hex'),
    p_request ->> 'purpose', p_request ->> 'ticket', p_request ->> 'justification', p_request ->> 'reveal',
    -- The work of a custodian is bounded by what is listed, and may be resumed.
    CASE v_capability
      WHEN 'lookup' THEN coalesce((p_request ->> 'maxRecords')::integer, 1)
      WHEN 'erase' THEN 2147483647 WHEN 'rewrap' THEN 2147483647 WHEN 'retoken' THEN 2147483647
      ELSE (p_request ->> 'maxRecords')::integer END,
    v_policy.approvals_required,
    date_trunc('second', clock_timestamp()) + make_interval(mins => (p_request ->> 'minutes')::integer))
  RETURNING * INTO v_grant;
  PERFORM recovery.append_audit('requested', v_grant.id, NULL, jsonb_build_object(
    'contract', v_grant.contract, 'capability', v_grant.capability, 'fields', v_grant.fields,
    'selector', v_grant.selector, 'purpose', v_grant.purpose, 'ticket', v_grant.ticket,
    'justification_sha256', encode(sha256(recovery.utf8(v_grant.justification)), 'hex'),
    'expires_at', recovery.utc(v_grant.expires_at)));
  RETURN jsonb_build_object('grant', v_grant.id);
END
$$;

-- Of how many records the requester's other grants of this capability are that were asked for within a day
-- before this one, or since, and that may be used still, or were: many small requests are one large one, also
-- where they wait to be resolved. All of them are resolved in one line.
CREATE FUNCTION recovery.granted_within_a_day(p_grant recovery.access_grant) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(sum(record_count), 0) FROM recovery.access_grant
  WHERE requester = p_grant.requester AND capability = p_grant.capability AND id <> p_grant.id
    AND created_at > p_grant.created_at - interval '1 day'
    AND (used_records > 0 OR num_nonnulls(denied_at, revoked_at) = 0 AND expires_at > clock_timestamp())
$$;

-- Finds the records that a request means, once the request is committed. The selector is given again
-- as it was: the grant keeps digest and MAC of what it named. The answer tells nothing of what was
-- found; show_grant does, once this is committed too. Of a custodian's work it says "isDone": false until
-- all rows were walked, and is called again.
CREATE FUNCTION recovery.resolve_request(p_grant uuid, p_selector jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_policy recovery.policy;
  v_grant recovery.access_grant;
  v_contract maskline.contract;
  v_records uuid[] := '{}';
  v_dates date[] := '{}';
  v_count bigint;
  v_ended text;
BEGIN
  PERFORM recovery.require(pg_column_size(p_selector) <= 16777216);
  SELECT * INTO v_grant FROM recovery.access_grant WHERE id = p_grant;
  IF NOT FOUND OR v_grant.requester <> recovery.person() THEN
    RETURN recovery.refuse('no_such_grant', NULL);
  END IF;
  IF v_grant.changed_in = pg_current_xact_id() THEN
    RAISE EXCEPTION USING ERRCODE = 'MK003', MESSAGE = 'the request is not committed';
  END IF;
  IF recovery.state_of(v_grant) <> 'unresolved' THEN
    RETURN recovery.refuse('grant_' || recovery.state_of(v_grant), p_grant);
  END IF;
  v_contract := recovery.contract_named(v_grant.contract);
  IF NOT recovery.is_well_formed(v_contract, p_selector)
    OR recovery.kept_selector(p_selector) <> v_grant.selector THEN
    RETURN recovery.refuse('wrong_records', p_grant);
  END IF;

  -- Before any lock: this may read whole tables, and what it finds is told only later.
  SELECT * INTO STRICT v_policy FROM recovery.policy;
  IF v_grant.capability IN ('unmask', 'dossier', 'retry')
    OR v_grant.capability = 'erase' AND p_selector ->> 'kind' IN ('records', 'quarantine') THEN
    SELECT coalesce(array_agg(record_id), '{}'), coalesce(array_agg(create_date), '{}')
    INTO v_records, v_dates
    FROM (SELECT * FROM recovery.resolve(v_contract, p_selector) LIMIT v_policy.max_records + 1) AS resolved;
    v_count := cardinality(v_records);
  ELSIF v_grant.capability <> 'lookup' AND v_grant.walked_to IS NOT NULL THEN
    -- Without the audit's lock, which is the first of all that are taken.
    PERFORM recovery.list_work(p_grant, v_contract, p_selector);
    RETURN jsonb_build_object('grant', p_grant, 'isDone', false);
  ELSE
    SELECT count(*) INTO v_count FROM recovery.grant_record WHERE grant_id = p_grant;
  END IF;

  PERFORM FROM recovery.audit_head FOR UPDATE;
  SELECT * INTO STRICT v_grant FROM recovery.access_grant WHERE id = p_grant FOR UPDATE;
  IF recovery.state_of(v_grant) <> 'unresolved' THEN
    RETURN recovery.refuse('grant_' || recovery.state_of(v_grant), p_grant);
  END IF;
  v_ended := CASE
    WHEN cardinality(v_records) > least(v_policy.max_records, v_grant.max_records) THEN 'too_many_records'
    WHEN v_count = 0 AND v_grant.capability IN ('unmask', 'dossier', 'retry', 'erase') THEN 'nothing_matches'
    -- The consumer writes no id twice: somebody else did, and nobody can tell which of the two it was.
    WHEN v_grant.capability = 'unmask' AND v_count > (SELECT count(DISTINCT record_id) FROM unnest(v_records) AS record_id)
      THEN 'stands_twice'
  END;
  IF v_ended IS NOT NULL THEN
    UPDATE recovery.access_grant
    SET denied_at = clock_timestamp(), ended = v_ended, changed_in = pg_current_xact_id()
    WHERE id = p_grant;
    PERFORM recovery.append_audit('refused', p_grant, NULL,
      jsonb_build_object('code', v_ended, 'records', v_count));
    RETURN jsonb_build_object('grant', p_grant);
  END IF;

  -- To erase, a record that stands twice, under two dates, is one record.
  INSERT INTO recovery.grant_record (grant_id, record_id, create_date)
  SELECT p_grant, record_id, create_date
  FROM unnest(v_records, v_dates) AS resolved (record_id, create_date)
  ON CONFLICT DO NOTHING;
  IF cardinality(v_records) > 0 THEN
    SELECT count(*) INTO v_count FROM recovery.grant_record WHERE grant_id = p_grant;
  END IF;
  UPDATE recovery.access_grant
  SET records_digest = recovery.digest_of_grant(p_grant), record_count = v_count,
    max_records = coalesce(max_records, v_count),
    approvals_required = greatest(approvals_required,
      CASE WHEN v_count + recovery.granted_within_a_day(v_grant) > v_policy.one_approval_up_to THEN 2 END),
    changed_in = pg_current_xact_id()
  WHERE id = p_grant RETURNING * INTO v_grant;
  PERFORM recovery.append_audit('resolved', p_grant, NULL, jsonb_build_object(
    'records', v_grant.record_count, 'digest', encode(v_grant.records_digest, 'hex'),
    'max_records', v_grant.max_records));
  RETURN jsonb_build_object('grant', p_grant);
END
$$;

-- Whether the caller may see it, and it is not of the current transaction's making.
CREATE FUNCTION recovery.may_see(p_grant recovery.access_grant) RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT p_grant.changed_in IS DISTINCT FROM pg_current_xact_id_if_assigned()
    AND (SELECT p_grant.requester = caller
        OR pg_has_role(caller, 'maskline_approver', 'MEMBER')
        OR pg_has_role(caller, 'maskline_auditor', 'MEMBER')
      FROM recovery.person() AS caller)
$$;

-- Everything that an approval signs, and what became of the grant. The salt is the requester's own.
CREATE FUNCTION recovery.describe(p_grant recovery.access_grant) RETURNS jsonb
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object(
    'id', p_grant.id, 'tenant', p_grant.tenant, 'requester', p_grant.requester,
    'contract', p_grant.contract, 'capability', p_grant.capability, 'fields', p_grant.fields,
    'selector', p_grant.selector,
    'subjectSalt', CASE WHEN p_grant.requester = recovery.person() THEN encode(p_grant.subject_salt, 'hex') END,
    'digest', encode(coalesce(p_grant.records_digest, recovery.digest_of('{}')), 'hex'),
    'records', coalesce(p_grant.record_count, 0), 'ended', p_grant.ended,
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

-- For a console by itself, while nobody is signed in: which requests wait, and which can be used. No term of theirs.
CREATE FUNCTION recovery.list_open() RETURNS SETOF jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object('id', id, 'state', state, 'records', record_count,
    'approvalsRequired', approvals_required,
    'approvals', coalesce((SELECT jsonb_agg(jsonb_build_object('approver', approver, 'decision', decision))
      FROM recovery.approval WHERE grant_id = id), '[]'))
  FROM (
    SELECT *, recovery.state_of(access_grant) AS state FROM recovery.access_grant
    WHERE expires_at > clock_timestamp() AND changed_in IS DISTINCT FROM pg_current_xact_id_if_assigned()
  ) AS open
  WHERE state IN ('pending', 'live')
  ORDER BY created_at DESC, id
  LIMIT 1000
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

-- What became of it, by the audit's rows: whoever relies on a row makes its hash again. Comparisons and
-- refusals are not among them: they say what somebody tried.
CREATE FUNCTION recovery.grant_audit(p_grant uuid)
RETURNS TABLE (seq bigint, at_micros bigint, actor text, action text, grant_id uuid, claim_id uuid,
  detail text, previous_hash bytea, hash bytea)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT entry.seq, recovery.micros(entry.at), entry.actor, entry.action, entry.grant_id,
    entry.claim_id, entry.detail, entry.previous_hash, entry.hash
  FROM recovery.audit AS entry JOIN recovery.access_grant ON access_grant.id = entry.grant_id
  WHERE entry.grant_id = p_grant AND recovery.may_see(access_grant) AND NOT (SELECT recovery.has_appended())
    AND entry.action IN ('requested', 'resolved', 'approved', 'denied', 'revoked', 'intent', 'result', 'abandoned')
  ORDER BY entry.seq LIMIT 500
$$;

-- How many of the records that a request lists are of a subject, or have a value: $1 is it in a selector's
-- form. Null where it lists none, or so many that an answer would take long.
CREATE FUNCTION recovery.count_of(p_grant recovery.access_grant, p_what text, p_named jsonb)
RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_contract maskline.contract := recovery.contract_named(p_grant.contract);
  v_count bigint;
BEGIN
  IF v_contract.name IS NULL OR p_grant.record_count > (SELECT max_records FROM recovery.policy)
    OR NOT EXISTS (SELECT FROM recovery.grant_record WHERE grant_id = p_grant.id) THEN
    RETURN NULL;
  END IF;
  IF p_grant.selector ->> 'kind' = 'quarantine' THEN
    IF p_what = 'value' OR NOT p_named ? 'tokens' THEN RETURN NULL; END IF;
    SELECT count(*) INTO v_count
    FROM recovery.grant_record AS listed JOIN maskline.quarantine AS refused USING (record_id, create_date)
    WHERE listed.grant_id = p_grant.id AND p_named -> 'tokens' ? refused.subject_tag;
    RETURN v_count;
  END IF;
  IF p_what = 'subject' AND p_named ? 'tokens' <> v_contract.subject_is_masked THEN RETURN NULL; END IF;
  EXECUTE format(
    'SELECT count(*) FROM recovery.grant_record AS listed JOIN public.%I AS entry USING (record_id, create_date)
     WHERE listed.grant_id = $2 AND %s',
    v_contract.table_name, CASE p_what WHEN 'subject' THEN recovery.subject_test(v_contract)
      ELSE recovery.some_token(v_contract, '$1 -> ''tokens'' ? %s') END)
  INTO v_count USING p_named, p_grant.id;
  RETURN v_count;
END
$$;

-- Of how many values these tokens are, at least: each has one under each key and field.
CREATE FUNCTION recovery.most_under_a_key(p_tokens text[]) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(max(tokens), 0) FROM (
    SELECT count(DISTINCT token) AS tokens FROM unnest(p_tokens) AS token GROUP BY split_part(token, '.', 2)) AS key
$$;

-- A subject, or a masked value, in a selector's form: p_subject where the contract keeps it plain, else
-- its tokens; of quarantined messages its tags.
CREATE FUNCTION recovery.named_by(p_what text, p_subject text, p_tokens text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM recovery.require(p_what IN ('subject', 'value')
    AND num_nonnulls(p_subject, p_tokens) = 1 AND (p_what = 'subject' OR p_subject IS NULL)
    AND coalesce(octet_length(p_subject), 1) BETWEEN 1 AND 4096
    AND coalesce(cardinality(p_tokens), 1) BETWEEN 1 AND 64
    AND NOT EXISTS (SELECT FROM unnest(p_tokens) AS token
      WHERE (octet_length(token) < 100 AND token ~ recovery.token_form()) IS NOT TRUE));
  RETURN jsonb_strip_nulls(jsonb_build_object('subject', p_subject, 'tokens', p_tokens));
END
$$;

-- Asks to hold a subject, or a masked value, against a request: one, never a list. Only once that is
-- committed does answer_comparison look: the time and the counters of a look that is rolled back would
-- answer a guess without a trace.
CREATE FUNCTION recovery.compare_request(p_grant uuid, p_what text, p_subject text, p_tokens text[])
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_named jsonb := recovery.named_by(p_what, p_subject, p_tokens);
  v_grant recovery.access_grant;
  v_refusal text;
  v_comparison recovery.comparison;
BEGIN
  PERFORM recovery.require(p_grant IS NOT NULL);
  PERFORM FROM recovery.audit_head FOR UPDATE;
  SELECT * INTO v_grant FROM recovery.access_grant WHERE id = p_grant;
  IF NOT FOUND OR NOT recovery.may_see(v_grant) THEN RETURN recovery.refuse('no_such_grant', NULL); END IF;
  PERFORM recovery.require(recovery.most_under_a_key(p_tokens) <= CASE p_what WHEN 'subject' THEN 1
    ELSE (SELECT count(*) FROM jsonb_object_keys((recovery.contract_named(v_grant.contract)).tokens)) END);
  v_refusal := CASE
    WHEN v_grant.requester = recovery.person() THEN 'self_approval'
    WHEN recovery.state_of(v_grant) NOT IN ('pending', 'live') THEN 'grant_' || recovery.state_of(v_grant)
    WHEN recovery.count_recent('compared') >= (SELECT comparisons_per_hour FROM recovery.policy)
      THEN 'too_many_comparisons' END;
  IF v_refusal IS NOT NULL THEN RETURN recovery.refuse(v_refusal, p_grant); END IF;
  INSERT INTO recovery.comparison (grant_id, what, named)
  VALUES (p_grant, p_what, recovery.kept_selector(v_named)) RETURNING * INTO v_comparison;
  PERFORM recovery.append_audit('compared', p_grant, NULL,
    v_comparison.named || jsonb_build_object('what', p_what));
  RETURN jsonb_build_object('comparison', v_comparison.id);
END
$$;

-- Does the request name it, and how many of its records are of it? It is given again as it was: what was
-- asked keeps the MAC of a subject. Null where it is not the caller's, or not committed. Whoever named the
-- subject may open its commitment.
CREATE FUNCTION recovery.answer_comparison(p_comparison uuid, p_subject text, p_tokens text[])
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_comparison recovery.comparison;
  v_grant recovery.access_grant;
  v_named jsonb;
  v_is_named boolean;
  v_count bigint;
BEGIN
  SELECT * INTO v_comparison FROM recovery.comparison
  WHERE id = p_comparison AND asker = recovery.person()
    AND transaction_id IS DISTINCT FROM pg_current_xact_id_if_assigned();
  IF NOT FOUND THEN RETURN NULL; END IF;
  PERFORM recovery.require_on_disk();
  v_named := recovery.named_by(v_comparison.what, p_subject, p_tokens);
  PERFORM recovery.require(recovery.kept_selector(v_named) = v_comparison.named);
  SELECT * INTO STRICT v_grant FROM recovery.access_grant WHERE id = v_comparison.grant_id;
  IF recovery.state_of(v_grant) NOT IN ('pending', 'live') THEN
    RETURN recovery.refuse('grant_' || recovery.state_of(v_grant), v_grant.id);
  END IF;
  v_is_named := CASE
    WHEN v_comparison.what = 'value' AND v_grant.selector ->> 'kind' = 'value'
      THEN v_grant.selector -> 'tokens' ?| p_tokens
    WHEN v_comparison.what = 'value' AND v_grant.selector ? 'token' THEN v_grant.selector ->> 'token' = ANY (p_tokens)
    WHEN v_comparison.what = 'value' OR NOT recovery.names_subject(v_grant.selector) THEN NULL
    WHEN v_grant.selector ? 'subject' THEN v_grant.selector -> 'subject' = v_comparison.named -> 'subject'
    ELSE v_grant.selector -> 'tokens' ?| p_tokens END;
  v_count := recovery.count_of(v_grant, v_comparison.what, v_named);
  IF num_nonnulls(v_is_named, v_count) = 0 THEN
    RETURN recovery.refuse('nothing_to_compare', v_grant.id);
  END IF;
  RETURN jsonb_build_object('isNamed', v_is_named, 'records', v_count,
    'salt', CASE WHEN v_comparison.what = 'subject' AND v_is_named THEN encode(v_grant.subject_salt, 'hex') END);
END
$$;

-- What whoever made a request has opened within 30 days, and what is unusual about the request: codes of
-- this list. Null where the caller may not see the request.
CREATE FUNCTION recovery.requester_history(p_grant uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_grant recovery.access_grant;
  v_opened jsonb;
  v_unusual text[];
BEGIN
  SELECT * INTO v_grant FROM recovery.access_grant WHERE id = p_grant;
  IF NOT FOUND OR NOT recovery.may_see(v_grant) THEN RETURN NULL; END IF;

  WITH opened AS (
    SELECT claim.grant_id, asked.contract, asked.capability, claim.fields,
      greatest(claim.record_count, claim.changed) AS records
    FROM recovery.claim JOIN recovery.access_grant AS asked ON asked.id = grant_id
    WHERE claimant = v_grant.requester AND claimed_at > clock_timestamp() - interval '30 days'
  ), listed AS (
    SELECT contract, capability, field, count(DISTINCT grant_id) AS grants, sum(records) AS records
    FROM opened LEFT JOIN unnest(fields) AS field ON true
    GROUP BY contract, capability, field ORDER BY contract, capability, field LIMIT 200
  )
  SELECT jsonb_build_object('days', 30,
    'grants', (SELECT count(DISTINCT grant_id) FROM opened),
    'records', (SELECT coalesce(sum(records), 0) FROM opened),
    'opened', (SELECT coalesce(jsonb_agg(to_jsonb(listed)), '[]') FROM listed))
  INTO v_opened;

  WITH earlier AS (
    SELECT * FROM recovery.access_grant
    WHERE requester = v_grant.requester AND id <> p_grant AND created_at <= v_grant.created_at
  ), used AS (
    SELECT earlier.* , claim.fields AS claimed_fields
    FROM earlier JOIN recovery.claim ON claim.grant_id = earlier.id
  ), days AS (
    SELECT (v_grant.created_at AT TIME ZONE 'UTC')::date - (created_at AT TIME ZONE 'UTC')::date AS ago, count(*)
    FROM earlier GROUP BY 1
  )
  SELECT array_agg(code ORDER BY place) INTO v_unusual FROM (VALUES
    (1, 'never_used', NOT EXISTS (SELECT FROM used
      WHERE capability = v_grant.capability AND contract = v_grant.contract)),
    (2, 'new_field', EXISTS (SELECT FROM used
        WHERE capability = v_grant.capability AND contract = v_grant.contract)
      AND NOT v_grant.fields <@ ARRAY(SELECT unnest(claimed_fields) FROM used
        WHERE capability = v_grant.capability AND contract = v_grant.contract)),
    (3, 'most_records', v_grant.record_count > (SELECT max(record_count) FROM used)),
    (4, 'busiest_day', (SELECT count FROM days WHERE ago = 0) >= 4
      AND (SELECT count FROM days WHERE ago = 0)
        >= (SELECT coalesce(max(count), 0) FROM days WHERE ago BETWEEN 1 AND 30)),
    (5, 'unusual_hour', (SELECT count(*) FROM earlier) >= 10 AND NOT EXISTS (SELECT FROM earlier
      -- So far apart within a day, by the shorter way round.
      WHERE abs(mod(extract(epoch FROM v_grant.created_at - created_at)::bigint + 43200, 86400) - 43200) <= 3600)),
    (6, 'ticket_of_others', EXISTS (SELECT FROM earlier WHERE ticket = v_grant.ticket
      AND selector - 'commitment' <> v_grant.selector - 'commitment')),
    (7, 'denied_before', EXISTS (SELECT FROM earlier WHERE (denied_at IS NOT NULL AND ended IS NULL OR revoked_at IS NOT NULL)
      AND capability = v_grant.capability AND selector - 'commitment' = v_grant.selector - 'commitment')),
    (8, 'reads_rows', to_regrole(quote_ident(v_grant.requester)) IS NOT NULL AND EXISTS (
      SELECT FROM maskline.contract WHERE v_grant.contract IN ('*', name)
        AND has_table_privilege(to_regrole(quote_ident(v_grant.requester))::oid, format('public.%I', table_name), 'SELECT')))
  ) AS rule (place, code, holds) WHERE holds;
  RETURN v_opened || jsonb_build_object('unusual', coalesce(to_jsonb(v_unusual), '[]'));
END
$$;

-- p_signer: the login for which the tool signed. An approval under another's key would never hold.
-- Whoever decides in the same way again is told what became of it, without another row.
CREATE FUNCTION recovery.decide(
  p_grant uuid, p_decision text, p_key_id text, p_signature bytea, p_signer text)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_grant recovery.access_grant;
  v_state text;
  v_decided text;
BEGIN
  PERFORM recovery.require(p_decision IN ('approve', 'deny') AND p_key_id ~ '^[0-9a-f]{16}$'
    AND octet_length(p_signature) BETWEEN 64 AND 2048 AND octet_length(p_signer) BETWEEN 1 AND 63);
  -- First of all locks, here as in a claim: so they cannot wait for each other in a ring.
  PERFORM FROM recovery.audit_head FOR UPDATE;
  SELECT * INTO v_grant FROM recovery.access_grant WHERE id = p_grant FOR UPDATE;
  IF NOT FOUND THEN RETURN recovery.refuse('no_such_grant', NULL); END IF;
  v_state := recovery.state_of(v_grant);
  IF v_grant.requester = recovery.person() THEN RETURN recovery.refuse('self_approval', p_grant); END IF;
  IF p_signer <> recovery.person() THEN RETURN recovery.refuse('wrong_signer', p_grant); END IF;
  SELECT decision INTO v_decided FROM recovery.approval WHERE grant_id = p_grant AND approver = recovery.person();
  IF v_decided = p_decision THEN RETURN jsonb_build_object('state', v_state); END IF;
  -- The recover keyring may ask for more approvals than the database knows of.
  IF v_state <> 'pending' AND NOT (v_state = 'live' AND p_decision = 'approve') THEN
    RETURN recovery.refuse('grant_' || v_state, p_grant);
  END IF;
  IF v_decided IS NOT NULL THEN RETURN recovery.refuse('already_decided', p_grant); END IF;
  INSERT INTO recovery.approval (grant_id, decision, key_id, signature)
  VALUES (p_grant, p_decision, p_key_id, p_signature);
  UPDATE recovery.access_grant SET changed_in = pg_current_xact_id(),
    denied_at = CASE p_decision WHEN 'deny' THEN clock_timestamp() END
  WHERE id = p_grant RETURNING * INTO v_grant;
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
  UPDATE recovery.access_grant
  SET revoked_at = clock_timestamp(), revoked_by = recovery.person(), changed_in = pg_current_xact_id()
  WHERE id = p_grant;
  PERFORM recovery.append_audit('revoked', p_grant, NULL, '{}');
  RETURN jsonb_build_object('state', 'revoked');
END
$$;

-- What the tool refuses by itself: an approval whose signature does not hold.
CREATE FUNCTION recovery.report_refusal(p_grant uuid, p_code text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM recovery.require(
    p_code IN ('forged_approval', 'wrong_records', 'wrong_fields', 'approvals_missing',
      'confirmation_declined'));
  RETURN recovery.refuse(p_code, (SELECT id FROM recovery.access_grant WHERE id = p_grant), '{"by": "tool"}');
END
$$;

REVOKE ALL ON ALL TABLES IN SCHEMA recovery FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA recovery FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recovery.request_access(jsonb), recovery.resolve_request(uuid, jsonb)
  TO maskline_requester, maskline_custodian;
GRANT EXECUTE ON FUNCTION recovery.knows_contract(text) TO maskline_console;
GRANT EXECUTE ON FUNCTION recovery.list_grants(integer), recovery.show_grant(uuid),
  recovery.grant_records(uuid), recovery.grant_audit(uuid), recovery.requester_history(uuid),
  recovery.revoke(uuid)
  TO maskline_requester, maskline_approver, maskline_custodian, maskline_auditor;
GRANT EXECUTE ON FUNCTION recovery.list_open() TO maskline_console;
GRANT EXECUTE ON FUNCTION recovery.decide(uuid, text, text, bytea, text),
  recovery.compare_request(uuid, text, text, text[]), recovery.answer_comparison(uuid, text, text[])
  TO maskline_approver;
GRANT EXECUTE ON FUNCTION recovery.report_refusal(uuid, text)
  TO maskline_requester, maskline_approver, maskline_custodian;
