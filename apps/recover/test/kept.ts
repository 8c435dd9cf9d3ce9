/** An office as it stood at one moment, to which each test of a file comes back. */

import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Office } from "./office.ts";

export interface Kept extends AsyncDisposable {
  /** Brings back every row and file; logins and their roles stay as they are. */
  readonly restore: () => Promise<void>;
}

const keepTables = `
  DO $$
  DECLARE
    v_table regclass;
  BEGIN
    CREATE SCHEMA kept;
    FOR v_table IN SELECT oid FROM pg_class
      WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('maskline', 'recovery', 'public') LOOP
      EXECUTE format('CREATE TABLE kept.%I AS TABLE %s', v_table::oid, v_table);
    END LOOP;
  END $$`;

/** No foreign key is checked, and none deletes anything, meanwhile. */
const restoreTables = `
  DO $$
  DECLARE
    v_table regclass;
    v_kept regclass;
  BEGIN
    SET LOCAL session_replication_role = replica;
    FOR v_table, v_kept IN SELECT relname::text::oid, oid FROM pg_class
      WHERE relnamespace = 'kept'::regnamespace AND relkind = 'r' LOOP
      EXECUTE format('DELETE FROM %s', v_table);
      EXECUTE format('INSERT INTO %s OVERRIDING SYSTEM VALUE TABLE %s', v_table, v_kept);
    END LOOP;
  END $$`;

export async function keepOffice({ admin, directory }: Office): Promise<Kept> {
  const files = await mkdtemp(join(tmpdir(), "kept-"));
  await cp(directory, files, { recursive: true });
  await admin(keepTables);
  return {
    async restore() {
      await admin(restoreTables);
      await rm(directory, { recursive: true });
      await cp(files, directory, { recursive: true });
    },
    [Symbol.asyncDispose]: () => rm(files, { recursive: true }),
  };
}
