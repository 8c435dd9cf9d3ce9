-- The roles themselves belong to the cluster, not to this database: src/roles.ts makes them. The
-- rights on a contract's table come with the table: src/contract-changes.ts.

-- A function is born without PUBLIC's right to call it; whoever may call one is named beside it.
ALTER DEFAULT PRIVILEGES FOR ROLE maskline_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- The consumer inserts. It reads the schema's version, the contracts, and of the ledger what its
-- claim returns; never a masked column, a sealed record, a seed, or what was erased.
GRANT USAGE ON SCHEMA maskline TO maskline_writer;
GRANT SELECT ON maskline.schema_version, maskline.contract TO maskline_writer;
GRANT INSERT ON maskline.ledger, maskline.quarantine, maskline.batch_key, maskline.vault, maskline.seed
  TO maskline_writer;
GRANT SELECT (record_id, outcome) ON maskline.ledger TO maskline_writer;

-- ANALYZE copies values into pg_statistic, out of reach of whatever erases the row. Partitions
-- take this over from their parents, in ensure_partitions.
ALTER TABLE maskline.seed ALTER COLUMN seed SET STATISTICS 0;
ALTER TABLE maskline.vault ALTER COLUMN sealed SET STATISTICS 0;
ALTER TABLE maskline.quarantine ALTER COLUMN sealed SET STATISTICS 0;
ALTER TABLE maskline.batch_key ALTER COLUMN sealed SET STATISTICS 0;

-- A sealed body is as long as the message, and does not compress.
ALTER TABLE maskline.quarantine ALTER COLUMN sealed SET STORAGE EXTERNAL;
