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

-- The months from one back to twelve ahead that a table has no partition for.
CREATE FUNCTION maskline.missing_partitions(p_today date)
RETURNS TABLE (parent regclass, default_name text, partition text, month date)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT parent, name || '_default', name || to_char(first_day, '_YYYY_MM'), first_day::date
  FROM generate_series(-1, 12) AS n,
    LATERAL (SELECT date_trunc('month', p_today::timestamp) + make_interval(months => n)) AS month (first_day),
    maskline.partitioned_tables()
  WHERE to_regclass(format('maskline.%I', name || to_char(first_day, '_YYYY_MM'))) IS NULL
  ORDER BY first_day, name
$$;

-- From here to the commit no row can arrive in these tables. Writers wait behind a lock that is waited for: so
-- for no longer than a second, and again after one, without what the transaction has done so far being lost;
-- all of the locks or none, because nobody writes to one of the tables alone.
CREATE FUNCTION maskline.lock_arrivals(p_tables text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
BEGIN
  FOR attempt IN 1..20 LOOP
    BEGIN
      EXECUTE (SELECT format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', string_agg(format('maskline.%I', name), ', '))
        FROM unnest(p_tables) AS name);
      RETURN;
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
      IF attempt = 20 THEN RAISE; END IF;
    END;
    PERFORM pg_sleep(1);
  END LOOP;
END $$;

-- Moves the month's rows out of the default partition. They are in the one or in the other to whoever reads
-- meanwhile: until the partition is attached, nobody sees what is in it, so all is one transaction.
CREATE FUNCTION maskline.move_month(p_default text, p_partition text, p_month date) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format(
    'WITH moved AS (DELETE FROM maskline.%I WHERE create_date >= %L AND create_date < %L RETURNING *)
     INSERT INTO maskline.%I SELECT * FROM moved',
    p_default, p_month, p_month + interval '1 month', p_partition);
END $$;

-- Whether the default partition holds more rows of the month than so many.
CREATE FUNCTION maskline.holds_more(p_default text, p_month date, p_rows bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_holds boolean;
BEGIN
  EXECUTE format(
    'SELECT EXISTS (SELECT FROM maskline.%I WHERE create_date >= %L AND create_date < %L OFFSET %s)',
    p_default, p_month, p_month + interval '1 month', p_rows) INTO v_holds;
  RETURN v_holds;
END $$;

-- Makes the default partitions, so that no row is ever refused for want of a month, and those of one
-- month back and twelve ahead of `p_today`, as far as they are missing; moves rows that the default
-- partitions hold for them. Returns how many months it made. For the owner alone: whoever chooses the day
-- chooses how many tables there are.
--
-- However many rows there are to move, readers and writers go on meanwhile: only what arrived since is
-- moved, and the emptied default partition read once, under a lock. `p_rows_at_most` leaves a month
-- out, of which a default partition holds more rows than that.
CREATE FUNCTION maskline.partitions_around(p_today date, p_rows_at_most bigint DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_made text[] := '{}';
  v_parent regclass;
  v_name text;
  v_default text;
  v_partition text;
  v_month date;
BEGIN
  -- The lock is for who has something to do: a consumer may call this, and keep its transaction open.
  IF NOT EXISTS (SELECT FROM maskline.missing_partitions(p_today)) AND NOT EXISTS (
    SELECT FROM maskline.partitioned_tables()
    WHERE to_regclass(format('maskline.%I', name || '_default')) IS NULL) THEN RETURN 0; END IF;
  PERFORM maskline.lock_maintenance();
  FOR v_parent, v_name IN SELECT parent, name FROM maskline.partitioned_tables() LOOP
    v_default := v_name || '_default';
    IF to_regclass(format('maskline.%I', v_default)) IS NULL THEN
      PERFORM maskline.create_partition(v_parent, v_default);
      EXECUTE format('ALTER TABLE %s ATTACH PARTITION maskline.%I DEFAULT', v_parent, v_default);
    END IF;
  END LOOP;
  FOR v_parent, v_default, v_partition, v_month IN SELECT * FROM maskline.missing_partitions(p_today) LOOP
    CONTINUE WHEN p_rows_at_most IS NOT NULL AND maskline.holds_more(v_default, v_month, p_rows_at_most);
    PERFORM maskline.create_partition(v_parent, v_partition);
    -- So that attaching it need not read it.
    EXECUTE format('ALTER TABLE maskline.%I ADD CONSTRAINT is_of_month CHECK (create_date >= %L AND create_date < %L)',
      v_partition, v_month, v_month + interval '1 month');
    PERFORM maskline.move_month(v_default, v_partition, v_month);
    v_made := v_made || v_partition;
  END LOOP;
  IF v_made = '{}' THEN RETURN 0; END IF;
  PERFORM maskline.lock_arrivals(ARRAY(SELECT DISTINCT left(made, -8) || '_default' FROM unnest(v_made) AS made));
  FOREACH v_partition IN ARRAY v_made LOOP
    SELECT parent, name || '_default', to_date(right(v_partition, 7), 'YYYY_MM')
    INTO v_parent, v_default, v_month
    FROM maskline.partitioned_tables() WHERE name = left(v_partition, -8);
    PERFORM maskline.move_month(v_default, v_partition, v_month);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION maskline.%I FOR VALUES FROM (%L) TO (%L)',
      v_parent, v_partition, v_month, v_month + interval '1 month');
    EXECUTE format('ALTER TABLE maskline.%I DROP CONSTRAINT is_of_month', v_partition);
  END LOOP;
  RETURN cardinality(v_made);
END $$;

CREATE FUNCTION maskline.ensure_partitions(p_rows_at_most bigint DEFAULT NULL) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT maskline.partitions_around((now() AT TIME ZONE 'UTC')::date, p_rows_at_most)
$$;
