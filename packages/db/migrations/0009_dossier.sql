-- Governed recovery, part 6: the dossier. Under an approved grant of its own, what is held about one subject
-- and every access to it, for that person (GDPR articles 15 and 17). It hands out nothing sealed, and no
-- token but in rows of the audit.

CREATE INDEX claim_record_by_record ON recovery.claim_record (record_id);
CREATE INDEX grant_record_by_record ON recovery.grant_record (record_id);
CREATE INDEX claim_by_grant ON recovery.claim (grant_id);
CREATE INDEX claim_by_token ON recovery.claim USING gin (tokens);
CREATE INDEX audit_by_grant ON recovery.audit (grant_id, seq);

-- The claimed records after this one: with the columns in which something stands, whether the original can
-- be opened still, and the day on which it was erased. One that went since the request is "gone".
CREATE FUNCTION recovery.fetch_dossier(p_claim uuid, p_after uuid, p_limit integer)
RETURNS TABLE (record_id uuid, source text, sent_at text, held text[], is_sealed boolean, erased_on text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_claim recovery.claim := recovery.require_fetch(p_claim, '{dossier}');
  v_contract maskline.contract := recovery.contract_named(
    (SELECT contract FROM recovery.access_grant WHERE id = v_claim.grant_id));
BEGIN
  RETURN QUERY EXECUTE format(
    'WITH page AS MATERIALIZED (
       SELECT record_id, create_date FROM recovery.claim_record
       WHERE claim_id = $1 AND record_id > $2 ORDER BY record_id LIMIT $3
     )
     SELECT page.record_id,
       CASE WHEN entry.record_id IS NOT NULL THEN ''row'' WHEN refused.record_id IS NOT NULL THEN ''quarantine'' ELSE ''gone'' END,
       recovery.utc_ms(coalesce(entry.sent_at, refused.sent_at)),
       CASE WHEN entry.record_id IS NOT NULL THEN ARRAY(
         SELECT name FROM unnest(ARRAY[%s]::text[], ARRAY[%s]::boolean[]) AS shown (name, stands) WHERE stands)
         WHEN refused.record_id IS NOT NULL THEN ''{body}'' ELSE ''{}'' END,
       coalesce(vault.record_id, refused.record_id) IS NOT NULL AND seed.record_id IS NOT NULL AND erased.record_id IS NULL,
       to_char(erased_on, ''YYYY-MM-DD'')
     FROM page LEFT JOIN public.%I AS entry USING (record_id, create_date)
       LEFT JOIN maskline.quarantine AS refused USING (record_id, create_date)
       LEFT JOIN maskline.vault USING (record_id, create_date)
       LEFT JOIN maskline.seed USING (record_id, create_date)
       LEFT JOIN maskline.erased USING (record_id)
     ORDER BY page.record_id',
    (SELECT string_agg(quote_literal(name), ', ' ORDER BY place)
     FROM unnest(v_contract.shown_columns) WITH ORDINALITY AS shown (name, place)),
    (SELECT string_agg(format(CASE WHEN EXISTS (
         SELECT FROM jsonb_each_text(v_contract.tokens) AS token (field, column_name) WHERE column_name = name)
       THEN 'entry.%I <> ''erased''' ELSE 'entry.%I IS NOT NULL' END, name), ', ' ORDER BY place)
     FROM unnest(v_contract.shown_columns) WITH ORDINALITY AS shown (name, place)),
    v_contract.table_name)
  USING p_claim, p_after, least(p_limit, 1000);
END
$$;

-- The accesses to the claimed records after this row of the audit: what asked for them, approved them, made
-- and ended them, as the audit has it. With each intent those of the records that it was on; of a look-up,
-- those that have one of its tokens still and had been sent by then.
CREATE FUNCTION recovery.fetch_accesses(p_claim uuid, p_after bigint, p_limit integer)
RETURNS TABLE (seq bigint, at_micros bigint, actor text, action text, grant_id uuid, claim_id uuid,
  detail text, previous_hash bytea, hash bytea, records uuid[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_claim recovery.claim := recovery.require_fetch(p_claim, '{dossier}');
  v_contract maskline.contract := recovery.contract_named(
    (SELECT contract FROM recovery.access_grant WHERE id = v_claim.grant_id));
BEGIN
  RETURN QUERY EXECUTE format(
    'WITH mine AS MATERIALIZED (
       SELECT claimed.record_id, entry.sent_at,
         ARRAY(SELECT value FROM jsonb_each_text(%s) WHERE value <> ''erased'') AS tokens
       FROM recovery.claim_record AS claimed LEFT JOIN public.%I AS entry USING (record_id, create_date)
       WHERE claimed.claim_id = $1
     ), touched AS MATERIALIZED (
       SELECT theirs.claim_id AS id, mine.record_id
       FROM mine JOIN recovery.claim_record AS theirs USING (record_id)
       UNION
       SELECT claim.id, mine.record_id
       FROM mine JOIN recovery.grant_record AS listed USING (record_id)
         JOIN recovery.access_grant ON access_grant.id = listed.grant_id AND capability IN (''erase'', ''retoken'')
         JOIN recovery.claim ON claim.grant_id = access_grant.id
       UNION
       SELECT claim.id, mine.record_id
       FROM mine JOIN recovery.claim ON claim.tokens && mine.tokens AND claimed_at >= mine.sent_at
     ), access AS MATERIALIZED (
       SELECT claim.id, claim.grant_id, array_agg(touched.record_id ORDER BY touched.record_id) AS records
       FROM touched JOIN recovery.claim USING (id) GROUP BY claim.id
     )
     SELECT entry.seq, recovery.micros(entry.at), entry.actor, entry.action, entry.grant_id, entry.claim_id,
       entry.detail, entry.previous_hash, entry.hash, CASE WHEN entry.action = ''intent'' THEN access.records END
     FROM (SELECT DISTINCT grant_id FROM access) AS used
       JOIN recovery.audit AS entry ON entry.grant_id = used.grant_id AND entry.seq > $2
       LEFT JOIN access ON access.id = entry.claim_id
     WHERE entry.action IN (''requested'', ''approved'') OR access.id IS NOT NULL
     ORDER BY entry.seq LIMIT $3',
    recovery.tokens_expression(v_contract), v_contract.table_name)
  USING p_claim, p_after, least(p_limit, 100);
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA recovery FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recovery.fetch_dossier(uuid, uuid, integer),
  recovery.fetch_accesses(uuid, bigint, integer) TO maskline_requester;

-- Of the settings that any caller may change in a session: what shows the values that a statement works
-- with, and what a backslash means in the functions' own texts. So functions that run as the owner set them.
DO $$
DECLARE
  v_function regprocedure;
BEGIN
  FOR v_function IN SELECT oid FROM pg_proc
    WHERE pronamespace IN ('maskline'::regnamespace, 'recovery'::regnamespace) AND prosecdef
  LOOP
    EXECUTE format('ALTER FUNCTION %s SET client_min_messages = warning', v_function);
    EXECUTE format('ALTER FUNCTION %s SET debug_print_parse = off', v_function);
    EXECUTE format('ALTER FUNCTION %s SET debug_print_rewritten = off', v_function);
    EXECUTE format('ALTER FUNCTION %s SET debug_print_plan = off', v_function);
    EXECUTE format('ALTER FUNCTION %s SET standard_conforming_strings = on', v_function);
  END LOOP;
END
$$;
