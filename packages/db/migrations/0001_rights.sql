-- The roles themselves belong to the cluster, not to this database: src/roles.ts makes them.

-- A function is born without PUBLIC's right to call it; whoever may call one is named beside it.
ALTER DEFAULT PRIVILEGES FOR ROLE maskline_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;--> statement-breakpoint

-- The consumer inserts. It reads the schema's version, and of the ledger what its claim returns;
-- never a masked column, a sealed record or a seed.
GRANT USAGE ON SCHEMA maskline TO maskline_writer;--> statement-breakpoint
GRANT SELECT ON maskline.schema_version TO maskline_writer;--> statement-breakpoint
GRANT INSERT ON public.user_logins, maskline.ledger, maskline.quarantine, maskline.batch_key, maskline.vault, maskline.seed
  TO maskline_writer;--> statement-breakpoint
GRANT SELECT (record_id, outcome) ON maskline.ledger TO maskline_writer;--> statement-breakpoint

GRANT SELECT ON public.user_logins TO maskline_analyst;
