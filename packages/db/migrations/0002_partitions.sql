-- The functions here and in 0003 are SECURITY DEFINER, so that what they make belongs to
-- maskline_owner whoever calls, and so that a scheduler's login can be granted EXECUTE on them and
-- nothing else.

-- What is cut by months: the vault, the seeds, and the table of every contract.
CREATE FUNCTION maskline.partitioned_tables() RETURNS TABLE (parent regclass, name text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT 'maskline.vault'::regclass, 'vault'
  UNION ALL
  SELECT 'maskline.seed'::regclass, 'seed'
  UNION ALL
  SELECT format('public.%I', table_name)::regclass, table_name FROM maskline.contract
$$;

-- One piece of maintenance at a time, and none beside a migration. The lock holds up no writer, and
-- nobody but the owner has the right to take it.
CREATE FUNCTION maskline.lock_maintenance() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  LOCK TABLE maskline.contract IN SHARE ROW EXCLUSIVE MODE;
END $$;

-- Makes a partition with what LIKE does not take over: which columns keep no statistics, how it is vacuumed.
CREATE FUNCTION maskline.create_partition(p_parent regclass, p_partition text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_column name;
BEGIN
  EXECUTE format('CREATE TABLE maskline.%I (LIKE %s INCLUDING ALL)', p_partition, p_parent);
  FOR v_column IN
    SELECT attname FROM pg_attribute WHERE attrelid = p_parent AND attnum > 0 AND attstattarget = 0
  LOOP
    EXECUTE format('ALTER TABLE maskline.%I ALTER COLUMN %I SET STATISTICS 0', p_partition, v_column);
  END LOOP;
  -- A deleted seed stands in its page until VACUUM comes by: here it comes for one, and as a freezing one,
  -- which recovery.check_files can tell.
  IF p_parent = 'maskline.seed'::regclass THEN
    EXECUTE format('ALTER TABLE maskline.%I SET (autovacuum_vacuum_threshold = 0,
      autovacuum_vacuum_scale_factor = 0, autovacuum_freeze_min_age = 0, autovacuum_freeze_table_age = 0)',
      p_partition);
  END IF;
END $$;

-- Makes the default partitions, so that no row is ever refused for want of a month, and those of one
-- month back and twelve ahead of `p_today`, as far as they are missing; moves rows that the default
-- partitions hold for them. Returns how many months it made. For the owner alone: whoever chooses the day
-- chooses how many tables there are.
CREATE FUNCTION maskline.partitions_around(p_today date) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_made integer := 0;
  v_month date;
  v_end date;
  v_parent regclass;
  v_name text;
  v_default text;
  v_partition text;
BEGIN
  PERFORM maskline.lock_maintenance();
  FOR v_parent, v_name IN SELECT parent, name FROM maskline.partitioned_tables() LOOP
    v_default := v_name || '_default';
    IF to_regclass(format('maskline.%I', v_default)) IS NULL THEN
      PERFORM maskline.create_partition(v_parent, v_default);
      EXECUTE format('ALTER TABLE %s ATTACH PARTITION maskline.%I DEFAULT', v_parent, v_default);
    END IF;
  END LOOP;
  FOR v_month IN
    SELECT date_trunc('month', p_today::timestamp) + make_interval(months => n)
    FROM generate_series(-1, 12) AS n
  LOOP
    v_end := v_month + interval '1 month';
    FOR v_parent, v_name IN SELECT parent, name FROM maskline.partitioned_tables() LOOP
      v_default := v_name || '_default';
      v_partition := v_name || to_char(v_month, '_YYYY_MM');
      CONTINUE WHEN to_regclass(format('maskline.%I', v_partition)) IS NOT NULL;
      -- From here to the commit no row of this month can arrive in the default partition.
      EXECUTE format('LOCK TABLE maskline.%I IN ACCESS EXCLUSIVE MODE', v_default);
      PERFORM maskline.create_partition(v_parent, v_partition);
      EXECUTE format(
        'WITH moved AS (DELETE FROM maskline.%I WHERE create_date >= %L AND create_date < %L RETURNING *)
         INSERT INTO maskline.%I SELECT * FROM moved',
        v_default, v_month, v_end, v_partition);
      EXECUTE format('ALTER TABLE %s ATTACH PARTITION maskline.%I FOR VALUES FROM (%L) TO (%L)',
        v_parent, v_partition, v_month, v_end);
      v_made := v_made + 1;
    END LOOP;
  END LOOP;
  RETURN v_made;
END $$;

CREATE FUNCTION maskline.ensure_partitions() RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT maskline.partitions_around((now() AT TIME ZONE 'UTC')::date)
$$;
