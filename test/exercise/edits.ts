/** The exercise's one change, and what it must notice. */
import type { Step } from "./exercise.ts";
import type { Edit } from "./tree.ts";

const lastField = "    locale: optional(";

/** Two fields more: a line each, and nothing else by hand. */
export const twoFields: Edit = {
  file: "packages/schema/src/contracts/login.ts",
  old: lastField,
  fresh: `    country: optional(text({ max: 2 })),
    email: optional(masked("email/1")),
${lastField}`,
};

/** A derived place that forgets the masked field, and the step that must notice. */
export interface Mutant extends Edit {
  readonly noticedBy: Step;
}

export const mutants: Readonly<Record<string, Mutant>> = {
  "toRow seals no e-mail": {
    file: "packages/schema/src/to-row.ts",
    old: "isMasked || name === contract.subject",
    fresh: `(isMasked && name !== "email") || name === contract.subject`,
    noticedBy: "unmasking",
  },
  "erase leaves the token of an e-mail": {
    file: "packages/db/migrations/0007_recovery_work.sql",
    old: `END', column_name), ', ')
    FROM jsonb_each_text(p_contract.tokens) AS`,
    fresh: `END', column_name), ', ')
    FROM jsonb_each_text(p_contract.tokens - 'email') AS`,
    noticedBy: "erasure",
  },
  "key_usage counts no e-mail": {
    file: "packages/db/migrations/0007_recovery_work.sql",
    old: `quote_ident(column_name), ', ')
       FROM jsonb_each_text(v_contract.tokens) AS`,
    fresh: `quote_ident(column_name), ', ')
       FROM jsonb_each_text(v_contract.tokens - 'email') AS`,
    noticedBy: "rotation",
  },
};
