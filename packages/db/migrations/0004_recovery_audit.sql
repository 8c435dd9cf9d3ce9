-- Governed recovery, part 1: its schema, its policy, and the audit chain.
--
-- No operator has a right on any table here or in maskline. Everything goes through functions that
-- run as the owner, with a pinned search_path; who may call which is granted one by one. Every
-- parameter is bounded before it is used, and nothing of a caller's choosing gets into the audit
-- unless its form or a closed list allows it.

CREATE SCHEMA recovery;
REVOKE ALL ON SCHEMA recovery FROM PUBLIC;
GRANT USAGE ON SCHEMA recovery
  TO maskline_requester, maskline_approver, maskline_custodian, maskline_auditor, maskline_console;

-- Who acts. The session's login; of a console's session, whoever's login it took by SET ROLE: one that it was
-- granted itself, since PostgreSQL would let it take those of their members too. That setting stands inside of
-- functions that run as the owner as well. A console is nobody by itself, and a group role is no person.
CREATE FUNCTION recovery.person() RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_role name := current_setting('role');
BEGIN
  -- A superuser counts as a member of every role.
  IF NOT pg_has_role(session_user, 'maskline_console', 'MEMBER')
    OR (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN RETURN session_user; END IF;
  IF EXISTS (SELECT FROM pg_auth_members AS given JOIN pg_roles AS person ON person.oid = given.roleid
    WHERE given.member = to_regrole(quote_ident(session_user))::oid AND person.rolname = v_role
      AND person.rolcanlogin AND NOT pg_has_role(person.oid, 'maskline_console', 'MEMBER')) THEN RETURN v_role; END IF;
  RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'a console acts for one person at a time';
END
$$;

-- What the owner decides; one row.
CREATE TABLE recovery.policy (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  approvals_required smallint NOT NULL DEFAULT 1 CHECK (approvals_required BETWEEN 1 AND 10),
  -- A grant for more records takes two at least.
  one_approval_up_to integer NOT NULL DEFAULT 100 CHECK (one_approval_up_to >= 0),
  max_grant_hours integer NOT NULL DEFAULT 72 CHECK (max_grant_hours BETWEEN 1 AND 8760),
  max_records integer NOT NULL DEFAULT 10000 CHECK (max_records BETWEEN 1 AND 100000),
  -- Per person, over all grants.
  records_per_minute integer NOT NULL DEFAULT 600 CHECK (records_per_minute > 0),
  -- A resolved request says how many records match, so it answers guesses; this bounds how many.
  requests_per_hour integer NOT NULL DEFAULT 100 CHECK (requests_per_hour > 0),
  -- What an approver asks of a request answers guesses too.
  comparisons_per_hour integer NOT NULL DEFAULT 100 CHECK (comparisons_per_hour > 0),
  -- Of one person; what is refused beyond them leaves no row and says nothing.
  refusals_per_hour integer NOT NULL DEFAULT 500 CHECK (refusals_per_hour > 0),
  -- How long a claimed access may take until its result is due.
  claim_seconds integer NOT NULL DEFAULT 600 CHECK (claim_seconds BETWEEN 1 AND 86400),
  -- How long backups and archived WAL are kept; erase prints the date that follows from it.
  backup_days integer NOT NULL DEFAULT 35 CHECK (backup_days >= 0)
);
INSERT INTO recovery.policy DEFAULT VALUES;

-- The HMAC key under which audit rows name a subject, as the two blocks of RFC 2104.
CREATE TABLE recovery.audit_key (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  inner_block bytea NOT NULL CHECK (octet_length(inner_block) = 64),
  outer_block bytea NOT NULL CHECK (octet_length(outer_block) = 64)
);

DO $$
DECLARE
  -- gen_random_uuid() takes 122 bits from the server's strong random source.
  v_key bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
    || uuid_send(gen_random_uuid())) || decode(repeat('00', 32), 'hex');
  v_inner bytea := v_key;
  v_outer bytea := v_key;
BEGIN
  FOR i IN 0..63 LOOP
    v_inner := set_byte(v_inner, i, get_byte(v_key, i) # 54);
    v_outer := set_byte(v_outer, i, get_byte(v_key, i) # 92);
  END LOOP;
  INSERT INTO recovery.audit_key (inner_block, outer_block) VALUES (v_inner, v_outer);
END
$$;

CREATE TABLE recovery.audit (
  seq bigint PRIMARY KEY,
  at timestamptz NOT NULL,
  -- The collation of names: else no index on it serves a comparison with recovery.person().
  actor text COLLATE "C" NOT NULL,
  action text NOT NULL CHECK (action IN ('requested', 'resolved', 'compared', 'approved', 'denied',
    'revoked', 'refused', 'intent', 'result', 'abandoned')),
  grant_id uuid,
  claim_id uuid,
  -- JSON, kept as text: the hash covers these bytes. Readers plan by this cap.
  detail text NOT NULL CHECK (octet_length(detail) <= 16384),
  previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32)
);

CREATE INDEX audit_by_actor ON recovery.audit (actor, action, at);

-- The chain's end. Its row lock puts the appends, and with them the claims, into one order.
CREATE TABLE recovery.audit_head (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  seq bigint NOT NULL,
  hash bytea NOT NULL,
  -- The transaction that appended last.
  changed_in xid8 NOT NULL DEFAULT pg_current_xact_id()
);
INSERT INTO recovery.audit_head (seq, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

-- A parameter that no honest caller sends is an error, not a refusal: it leaves no row. Null is no.
CREATE FUNCTION recovery.require(p_holds boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF p_holds IS NOT TRUE THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'a parameter has not the form that it takes';
  END IF;
END
$$;

-- LP(...) of docs/formats.md: each part preceded by its length in four bytes.
CREATE FUNCTION recovery.length_prefixed(VARIADIC p_parts bytea[]) RETURNS bytea
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(int4send(octet_length(part)) || part, ''::bytea ORDER BY place)
  FROM unnest(p_parts) WITH ORDINALITY AS parts (part, place)
$$;

CREATE FUNCTION recovery.utf8(p_text text) RETURNS bytea
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT convert_to(coalesce(p_text, ''), 'UTF8')
$$;

-- A time as text that no session setting changes: to the second, and to the millisecond.
CREATE FUNCTION recovery.utc(p_at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;

CREATE FUNCTION recovery.utc_ms(p_at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

CREATE FUNCTION recovery.micros(p_at timestamptz) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT (extract(epoch FROM p_at) * 1000000)::bigint
$$;

-- A subject as audit rows and grants name it: HMAC-SHA-256 (RFC 2104), hexadecimal.
CREATE FUNCTION recovery.subject_mac(p_subject text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT encode(sha256(outer_block || sha256(inner_block || recovery.utf8(p_subject))), 'hex')
  FROM recovery.audit_key
$$;

-- A commit that waits for less than the server can do may be taken back by a crash, or by a failover.
CREATE FUNCTION recovery.commit_to_disk() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('synchronous_commit') <> 'remote_apply' THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
END
$$;

-- Whoever made a trace may have turned that off again before it was committed: so nothing is told under
-- it until it is on the disk. Since PostgreSQL 17 a message in the WAL takes it there, with all before it; else the
-- WAL's writer does, within a second, or on a server that is idle within fifteen.
CREATE FUNCTION recovery.require_on_disk() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_position pg_lsn := pg_current_wal_insert_lsn();
BEGIN
  IF current_setting('server_version_num')::integer >= 170000 THEN
    PERFORM pg_logical_emit_message(false, 'maskline', '', true);
  END IF;
  WHILE pg_current_wal_flush_lsn() < v_position LOOP
    PERFORM pg_sleep(0.01);
  END LOOP;
END
$$;

CREATE FUNCTION recovery.append_audit(p_action text, p_grant uuid, p_claim uuid, p_detail jsonb)
RETURNS recovery.audit
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_row recovery.audit;
BEGIN
  PERFORM recovery.commit_to_disk();
  SELECT head.seq + 1, head.hash INTO STRICT v_row.seq, v_row.previous_hash
  FROM recovery.audit_head AS head FOR UPDATE;
  v_row.at := clock_timestamp();
  v_row.actor := recovery.person();
  v_row.action := p_action;
  v_row.grant_id := p_grant;
  v_row.claim_id := p_claim;
  v_row.detail := (p_detail || CASE WHEN v_row.actor <> session_user
    THEN jsonb_build_object('through', session_user) ELSE '{}' END)::text;
  v_row.hash := sha256(recovery.length_prefixed(
    recovery.utf8('mk1/audit'),
    recovery.utf8(v_row.seq::text),
    recovery.utf8(recovery.micros(v_row.at)::text),
    recovery.utf8(v_row.actor),
    recovery.utf8(v_row.action),
    recovery.utf8(v_row.grant_id::text),
    recovery.utf8(v_row.claim_id::text),
    recovery.utf8(v_row.detail),
    v_row.previous_hash));
  INSERT INTO recovery.audit SELECT v_row.*;
  UPDATE recovery.audit_head
  SET seq = v_row.seq, hash = v_row.hash, changed_in = pg_current_xact_id();
  RETURN v_row;
END
$$;

-- How often the caller did this within the last hour.
CREATE FUNCTION recovery.count_recent(p_action text) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT count(*) FROM recovery.audit
  WHERE actor = (SELECT recovery.person()) AND action = p_action AND at > clock_timestamp() - interval '1 hour'
$$;

-- A refusal is an answer ({"refused": code}), not an error: an error would roll its audit row back.
-- Beyond the hour's limit it says only that, so that it answers nothing without a row.
CREATE FUNCTION recovery.refuse(p_code text, p_grant uuid, p_detail jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Before it counts: refusals in parallel stand in one line.
  PERFORM FROM recovery.audit_head FOR UPDATE;
  IF recovery.count_recent('refused') >= (SELECT refusals_per_hour FROM recovery.policy) THEN
    RETURN '{"refused": "too_many_refusals"}';
  END IF;
  PERFORM recovery.append_audit('refused', p_grant, NULL, jsonb_build_object('code', p_code) || p_detail);
  RETURN jsonb_build_object('refused', p_code);
END
$$;

-- Whether the current transaction appended. Then it reads nothing of the audit: a row's hash is that of
-- answers which are told only once they are committed, and a rollback would leave no trace of the guess.
CREATE FUNCTION recovery.has_appended() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT changed_in IS NOT DISTINCT FROM pg_current_xact_id_if_assigned() FROM recovery.audit_head
$$;

-- The chain's end as a checkpoint names it.
CREATE FUNCTION recovery.audit_position() RETURNS TABLE (seq bigint, hash bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT head.seq, head.hash FROM recovery.audit_head AS head WHERE NOT (SELECT recovery.has_appended())
$$;

-- A hash says nothing of the row; whoever signs a checkpoint compares it with an earlier one.
CREATE FUNCTION recovery.audit_hash_at(p_seq bigint) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT entry.hash FROM recovery.audit AS entry
  WHERE entry.seq = p_seq AND NOT (SELECT recovery.has_appended())
$$;

-- The rows after `p_after`, at most `p_limit`, and no more once they come to 4 MiB: a page may be
-- short, and only an empty one is the last.
CREATE FUNCTION recovery.read_audit(p_after bigint, p_limit integer)
RETURNS TABLE (seq bigint, at_micros bigint, actor text, action text, grant_id uuid, claim_id uuid,
  detail text, previous_hash bytea, hash bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_bytes bigint := 0;
BEGIN
  FOR seq, at_micros, actor, action, grant_id, claim_id, detail, previous_hash, hash IN
    SELECT entry.seq, recovery.micros(entry.at), entry.actor, entry.action, entry.grant_id,
      entry.claim_id, entry.detail, entry.previous_hash, entry.hash
    FROM recovery.audit AS entry
    WHERE entry.seq > p_after AND NOT (SELECT recovery.has_appended())
    ORDER BY entry.seq
    LIMIT least(p_limit, 10000)
  LOOP
    RETURN NEXT;
    v_bytes := v_bytes + octet_length(detail);
    EXIT WHEN v_bytes >= 4194304;
  END LOOP;
END
$$;

-- How many rows of each action there are; of refusals by their code, of intents by their capability.
CREATE FUNCTION recovery.count_audit() RETURNS TABLE (action text, kind text, entries bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT entry.action,
    CASE entry.action
      WHEN 'refused' THEN entry.detail::jsonb ->> 'code'
      WHEN 'intent' THEN entry.detail::jsonb ->> 'capability'
    END,
    count(*)
  FROM recovery.audit AS entry
  WHERE NOT (SELECT recovery.has_appended())
  GROUP BY 1, 2
$$;

REVOKE ALL ON ALL TABLES IN SCHEMA recovery FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA recovery FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recovery.audit_position(), recovery.audit_hash_at(bigint)
  TO maskline_requester, maskline_approver, maskline_custodian, maskline_auditor;
GRANT EXECUTE ON FUNCTION recovery.read_audit(bigint, integer), recovery.count_audit()
  TO maskline_auditor;
