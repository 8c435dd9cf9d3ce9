-- No row is ever refused for want of a month.
CREATE TABLE maskline.user_logins_default PARTITION OF public.user_logins DEFAULT;--> statement-breakpoint
CREATE TABLE maskline.vault_default PARTITION OF maskline.vault DEFAULT;--> statement-breakpoint
CREATE TABLE maskline.seed_default PARTITION OF maskline.seed DEFAULT;--> statement-breakpoint

-- SECURITY DEFINER, so that what it makes belongs to maskline_owner whoever calls, and so that a
-- scheduler's login can be granted EXECUTE on it and nothing else.

-- Makes the partitions of one month back and twelve ahead of `today`, as far as they are missing,
-- and moves rows that the default partitions hold for them. Returns how many it made.
CREATE FUNCTION maskline.ensure_partitions(today date DEFAULT (now() AT TIME ZONE 'UTC')::date)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made integer := 0;
  this_month date := date_trunc('month', today::timestamp);
  month date;
  parent regclass;
  parent_name text;
  partition_name text;
BEGIN
  -- One at a time; an advisory lock, because it holds up no writer.
  PERFORM pg_advisory_xact_lock(hashtext('maskline.ensure_partitions'));
  FOR month IN SELECT this_month + make_interval(months => n) FROM generate_series(-1, 12) AS n LOOP
    FOREACH parent IN ARRAY ARRAY['public.user_logins', 'maskline.vault', 'maskline.seed']::regclass[] LOOP
      SELECT relname INTO parent_name FROM pg_class WHERE oid = parent;
      partition_name := parent_name || to_char(month, '_YYYY_MM');
      CONTINUE WHEN to_regclass('maskline.' || partition_name) IS NOT NULL;
      -- From here to the commit no row of this month can arrive in the default partition.
      EXECUTE format('LOCK TABLE maskline.%I IN ACCESS EXCLUSIVE MODE', parent_name || '_default');
      EXECUTE format('CREATE TABLE maskline.%I (LIKE %s INCLUDING ALL)', partition_name, parent);
      EXECUTE format(
        'WITH moved AS (DELETE FROM maskline.%I WHERE create_date >= %L AND create_date < %L RETURNING *)
         INSERT INTO maskline.%I SELECT * FROM moved',
        parent_name || '_default', month, month + interval '1 month', partition_name);
      EXECUTE format('ALTER TABLE %s ATTACH PARTITION maskline.%I FOR VALUES FROM (%L) TO (%L)',
        parent, partition_name, month, month + interval '1 month');
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;
