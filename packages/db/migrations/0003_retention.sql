-- A sealed body is as long as the message, and does not compress.
ALTER TABLE maskline.quarantine ALTER COLUMN sealed SET STORAGE EXTERNAL;--> statement-breakpoint

-- Removes ledger entries older than `keep_days`. Returns how many.
CREATE FUNCTION maskline.prune_ledger(keep_days integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pruned bigint;
BEGIN
  -- SQS keeps a message for at most 14 days, and its dead-letter queue for 14 more.
  IF keep_days IS NULL OR keep_days < 29 THEN
    RAISE EXCEPTION 'The ledger outlives queue and dead-letter queue: keep at least 29 days.'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  DELETE FROM maskline.ledger WHERE decided_on < (now() AT TIME ZONE 'UTC')::date - keep_days;
  GET DIAGNOSTICS pruned = ROW_COUNT;
  RETURN pruned;
END $$;--> statement-breakpoint

-- Removes quarantine records older than `keep_days`, with their seeds. Returns how many. Their
-- ledger entries stay: the message cannot come back.
CREATE FUNCTION maskline.expire_quarantine(keep_days integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH expired AS (
    DELETE FROM maskline.quarantine
    WHERE quarantined_on < (now() AT TIME ZONE 'UTC')::date - keep_days
    RETURNING record_id, create_date
  ), shredded AS (
    DELETE FROM maskline.seed USING expired
    WHERE seed.record_id = expired.record_id AND seed.create_date = expired.create_date
  )
  SELECT count(*) FROM expired;
$$;--> statement-breakpoint

-- Removes logins, sealed records and seeds of the months before the current one and the
-- `keep_months` before it, with quarantine records and batch keys that nothing can need any more.
-- Returns how many partitions it dropped.
CREATE FUNCTION maskline.drop_old_months(keep_months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  dropped integer := 0;
  first_kept date := date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => keep_months);
  parent regclass;
  parent_name text;
  partition_name text;
BEGIN
  IF keep_months IS NULL OR keep_months < 1 THEN
    RAISE EXCEPTION 'Messages of the last month can still arrive: keep at least one month.'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('maskline.ensure_partitions'));
  FOREACH parent IN ARRAY ARRAY['public.user_logins', 'maskline.vault', 'maskline.seed']::regclass[] LOOP
    SELECT relname INTO parent_name FROM pg_class WHERE oid = parent;
    FOR partition_name IN
      SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
      WHERE inhparent = parent AND relname ~ '_\d{4}_\d{2}$'
        AND relname < parent_name || to_char(first_kept, '_YYYY_MM')
    LOOP
      EXECUTE format('DROP TABLE maskline.%I', partition_name);
      dropped := dropped + 1;
    END LOOP;
    EXECUTE format('DELETE FROM maskline.%I WHERE create_date < %L', parent_name || '_default', first_kept);
  END LOOP;
  DELETE FROM maskline.quarantine WHERE create_date < first_kept;
  -- A batch was sealed on the day its messages were sent or later; a day is left for unequal clocks.
  DELETE FROM maskline.batch_key WHERE sealed_on < first_kept - 1;
  RETURN dropped;
END $$;
