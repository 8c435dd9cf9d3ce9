-- Made by drizzle-kit from src/tables.ts, but for what it cannot say: PARTITION BY, and IF NOT EXISTS,
-- because the migrator keeps its own table, schema_version, in the same schema.
CREATE SCHEMA IF NOT EXISTS "maskline";
--> statement-breakpoint
CREATE TYPE "maskline"."outcome" AS ENUM('row', 'quarantined');--> statement-breakpoint
CREATE TABLE "maskline"."batch_key" (
	"id" uuid NOT NULL,
	"recipient" varchar(16) NOT NULL,
	"sealed" "bytea" NOT NULL,
	"sealed_on" date DEFAULT (now() AT TIME ZONE 'UTC')::date NOT NULL,
	CONSTRAINT "batch_key_id_recipient_pk" PRIMARY KEY("id","recipient")
);
--> statement-breakpoint
CREATE TABLE "maskline"."contract" (
	"name" varchar(63) PRIMARY KEY NOT NULL,
	"table_name" varchar(54) NOT NULL,
	"subject_column" varchar(63) NOT NULL,
	"subject_is_masked" boolean NOT NULL,
	"masked_fields" text[] NOT NULL,
	"tokens" jsonb NOT NULL,
	"shown_columns" text[] NOT NULL,
	"definition" jsonb NOT NULL,
	CONSTRAINT "contract_table_name_unique" UNIQUE("table_name")
);
--> statement-breakpoint
CREATE TABLE "maskline"."erased" (
	"record_id" uuid PRIMARY KEY NOT NULL,
	"erased_on" date DEFAULT (now() AT TIME ZONE 'UTC')::date NOT NULL,
	"erasure" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "maskline"."ledger" (
	"message_id" uuid PRIMARY KEY NOT NULL,
	"record_id" uuid NOT NULL,
	"outcome" "maskline"."outcome" NOT NULL,
	"decided_on" date DEFAULT (now() AT TIME ZONE 'UTC')::date NOT NULL
);
--> statement-breakpoint
CREATE TABLE "maskline"."maintenance" (
	"singleton" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"ledger_days" smallint DEFAULT 60 NOT NULL,
	"quarantine_days" smallint DEFAULT 30 NOT NULL,
	"ended_at" timestamp with time zone,
	"step" text DEFAULT 'partitions' NOT NULL,
	"next_block" bigint DEFAULT 0 NOT NULL,
	"holder" uuid,
	"held_until" timestamp with time zone,
	CONSTRAINT "maintenance_singleton" CHECK ("maskline"."maintenance"."singleton"),
	CONSTRAINT "maintenance_ledger_days" CHECK ("maskline"."maintenance"."ledger_days" >= 29),
	CONSTRAINT "maintenance_quarantine_days" CHECK ("maskline"."maintenance"."quarantine_days" >= 1),
	CONSTRAINT "maintenance_step" CHECK ("maskline"."maintenance"."step" IN ('partitions', 'ledger', 'quarantine'))
);
--> statement-breakpoint
CREATE TABLE "maskline"."quarantine" (
	"record_id" uuid PRIMARY KEY NOT NULL,
	"message_id" uuid NOT NULL,
	"sent_at" timestamp with time zone NOT NULL,
	"create_date" date NOT NULL,
	"quarantined_on" date DEFAULT (now() AT TIME ZONE 'UTC')::date NOT NULL,
	"contract" varchar(63) NOT NULL,
	"reason" varchar(96) NOT NULL,
	"sql_state" varchar(5),
	"subject_tag" varchar(256),
	"sealed" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "maskline"."seed" (
	"record_id" uuid NOT NULL,
	"create_date" date NOT NULL,
	"seed" "bytea" NOT NULL,
	CONSTRAINT "seed_record_id_create_date_pk" PRIMARY KEY("record_id","create_date")
) PARTITION BY RANGE ("create_date");
--> statement-breakpoint
CREATE TABLE "maskline"."vault" (
	"record_id" uuid NOT NULL,
	"create_date" date NOT NULL,
	"sealed" "bytea" NOT NULL,
	CONSTRAINT "vault_record_id_create_date_pk" PRIMARY KEY("record_id","create_date")
) PARTITION BY RANGE ("create_date");
