-- What the owner decides, and how far the daily work is; one row.
INSERT INTO maskline.maintenance DEFAULT VALUES;
GRANT SELECT (ended_at) ON maskline.maintenance TO maskline_writer;

-- Removes the entries older than the owner says among `p_blocks` blocks of the ledger, from
-- `p_from_block` on. Says how many, and from which block to go on; null at the ledger's end.
--
-- The ledger has no index on its dates, which every message would pay for. So pruning reads all of
-- it, in steps that its caller commits one by one: what one step removed, no later fault puts back.
CREATE FUNCTION maskline.prune_ledger(p_from_block bigint DEFAULT 0, p_blocks bigint DEFAULT 25000,
  OUT pruned bigint, OUT next_block bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_end bigint := pg_relation_size('maskline.ledger') / current_setting('block_size')::bigint;
BEGIN
  IF (p_from_block BETWEEN 0 AND 4294967295 AND p_blocks BETWEEN 1 AND 25000) IS NOT TRUE THEN
    RAISE EXCEPTION 'A ledger has no such blocks, or they are more than 25000.'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  next_block := least(p_from_block + p_blocks, v_end);
  DELETE FROM maskline.ledger
  WHERE ctid >= format('(%s,0)', p_from_block)::tid AND ctid < format('(%s,0)', next_block)::tid
    AND decided_on < (now() AT TIME ZONE 'UTC')::date - (SELECT ledger_days FROM maskline.maintenance);
  GET DIAGNOSTICS pruned = ROW_COUNT;
  IF next_block >= v_end THEN next_block := NULL; END IF;
END $$;

-- By which quarantine expires, and is listed.
CREATE INDEX quarantine_by_day ON maskline.quarantine (quarantined_on, record_id);

-- Removes the oldest quarantine records, 10,000 at most, that are older than the owner says, with their
-- seeds. Returns how many: whoever calls it does so until that is none. Their ledger entries stay: the
-- message cannot come back.
CREATE FUNCTION maskline.expire_quarantine() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_expired bigint;
BEGIN
  WITH expired AS (
    DELETE FROM maskline.quarantine WHERE record_id = ANY (ARRAY(
      SELECT record_id FROM maskline.quarantine
      WHERE quarantined_on < (now() AT TIME ZONE 'UTC')::date - (SELECT quarantine_days FROM maskline.maintenance)
      ORDER BY quarantined_on, record_id LIMIT 10000))
    RETURNING record_id, create_date
  ), shredded AS (
    DELETE FROM maskline.seed USING expired
    WHERE seed.record_id = expired.record_id AND seed.create_date = expired.create_date
  )
  SELECT count(*) INTO v_expired FROM expired;
  RETURN v_expired;
END $$;

-- Removes rows, sealed records and seeds of the months before the current one and the
-- `p_keep_months` before it, with quarantine records and batch keys that nothing can need any more.
-- Returns how many partitions it dropped.
CREATE FUNCTION maskline.drop_old_months(p_keep_months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_dropped integer := 0;
  v_first_kept date;
  v_parent regclass;
  v_name text;
  v_partition text;
BEGIN
  IF (p_keep_months BETWEEN 1 AND 1200) IS NOT TRUE THEN
    RAISE EXCEPTION 'Messages of the last month can still arrive: keep at least one month.'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  v_first_kept := date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => p_keep_months);
  PERFORM maskline.lock_maintenance();
  FOR v_parent, v_name IN SELECT parent, name FROM maskline.partitioned_tables() LOOP
    FOR v_partition IN
      SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
      WHERE inhparent = v_parent AND relname ~ '_\d{4}_\d{2}$'
        AND relname < v_name || to_char(v_first_kept, '_YYYY_MM')
    LOOP
      EXECUTE format('DROP TABLE maskline.%I', v_partition);
      v_dropped := v_dropped + 1;
    END LOOP;
    EXECUTE format('DELETE FROM maskline.%I WHERE create_date < %L', v_name || '_default', v_first_kept);
  END LOOP;
  DELETE FROM maskline.quarantine WHERE create_date < v_first_kept;
  -- A batch was sealed on the day its messages were sent or later; a day is left for unequal clocks.
  DELETE FROM maskline.batch_key WHERE sealed_on < v_first_kept - 1;
  RETURN v_dropped;
END $$;

-- Says that all of the daily work was done; to nobody, where another one is at it, who then says so.
CREATE FUNCTION maskline.end_maintenance() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE maskline.maintenance
  SET ended_at = now(), step = 'partitions', next_block = 0, holder = NULL, held_until = NULL
  WHERE singleton IN (SELECT singleton FROM maskline.maintenance FOR UPDATE SKIP LOCKED)
$$;

-- One step of the daily work where nobody else did it: due an hour after a day, so that a schedule comes
-- first. A caller decides nothing but when: what is removed, the owner has said. No month is dropped here.
--
-- The row's lock is the lease within a step, `held_until` from one step to the next. Whoever holds it
-- and dies leaves what it had not committed undone, and others go on two minutes later at most. `step` is
-- null where another holds it, or nothing is due.
CREATE FUNCTION maskline.maintain_step(p_holder uuid, OUT is_due boolean, OUT step text, OUT done bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
  v_state maskline.maintenance;
BEGIN
  IF p_holder IS NULL THEN
    RAISE EXCEPTION 'Somebody holds the lease.' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT coalesce(ended_at < now() - interval '25 hours', true) INTO is_due FROM maskline.maintenance;
  IF NOT is_due THEN RETURN; END IF;
  SELECT * INTO v_state FROM maskline.maintenance
  WHERE coalesce(ended_at < now() - interval '25 hours', true)
    AND coalesce(holder = p_holder OR held_until < now(), true)
  FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN; END IF;
  step := v_state.step;
  CASE step
    WHEN 'partitions' THEN
      done := maskline.ensure_partitions(p_rows_at_most => 100000);
      v_state.step := 'ledger';
    WHEN 'ledger' THEN
      SELECT pruned, next_block INTO done, v_state.next_block FROM maskline.prune_ledger(v_state.next_block, 5000);
      IF v_state.next_block IS NULL THEN v_state.step := 'quarantine'; END IF;
    WHEN 'quarantine' THEN
      done := maskline.expire_quarantine();
      IF done = 0 THEN
        PERFORM maskline.end_maintenance();
        RETURN;
      END IF;
  END CASE;
  UPDATE maskline.maintenance
  SET step = v_state.step, next_block = coalesce(v_state.next_block, 0),
    holder = p_holder, held_until = clock_timestamp() + interval '2 minutes';
END $$;
GRANT EXECUTE ON FUNCTION maskline.maintain_step(uuid) TO maskline_writer;
