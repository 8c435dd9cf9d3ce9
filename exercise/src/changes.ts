/** What a run changes in the copy: two lines of one file, and for a mutant one derived place. */
import type { Edit } from "./tree.ts";

const lastField = "    locale: optional(";

/** The whole of the change to the message. */
export const addition: Edit = {
  file: "packages/schema/src/contracts/login.ts",
  from: lastField,
  to: `    country: text({ max: 2, example: "DE" }),\n    email: optional(masked("email/1")),\n${lastField}`,
};

const work = "packages/db/migrations/0007_recovery_work.sql";

/** What stands before the claim that did not hold. */
export const failed = "FAILED";

export interface Mutant {
  /** Forgets the new field in a place that the others do not cover. */
  readonly edits: readonly Edit[];
  /** Where the run has to notice. */
  readonly claim: string;
}

export const mutants: Readonly<Record<string, Mutant>> = {
  "not-sealed": {
    edits: [
      {
        file: "packages/schema/src/to-row.ts",
        from: "isMasked || name === contract.subject",
        to: '(isMasked && name !== "email") || name === contract.subject',
      },
    ],
    claim: "recover unmask ended with 30, and not 0:",
  },
  "not-counted": {
    edits: [
      {
        file: work,
        from: "FROM jsonb_each_text(v_contract.tokens) AS token (field, column_name)))\n    USING v_contract.name::text",
        to: "FROM jsonb_each_text(v_contract.tokens - 'email') AS token (field, column_name)))\n    USING v_contract.name::text",
      },
    ],
    claim: "every token is counted under its key, those of the new field too",
  },
  "not-erased": {
    edits: [
      {
        file: work,
        from: "FROM jsonb_each_text(p_contract.tokens) AS token (field, column_name));\n  v_count",
        to: "FROM jsonb_each_text(p_contract.tokens - 'email') AS token (field, column_name));\n  v_count",
      },
      // And what erase goes by: else it would find the token again, and never end.
      {
        file: "packages/db/migrations/0005_recovery_grants.sql",
        from: "FROM jsonb_each_text(p_contract.tokens) AS token (field, column_name)\n$$;\n\n-- Whose",
        to: "FROM jsonb_each_text(p_contract.tokens - 'email') AS token (field, column_name)\n$$;\n\n-- Whose",
      },
    ],
    claim: "full: erased, not a token outlives it",
  },
};
