/** What a run changes in the copy: two lines of one file, and for a mutant one derived place. */
import type { Edit } from "./tree.ts";

const lastField = "    locale: optional(";

/** The whole of the change to the message. */
export const addition: Edit = {
  file: "packages/schema/src/contracts/login.ts",
  from: lastField,
  to: `    country: optional(text({ max: 2, example: "DE" })),\n    email: optional(masked("email/1")),\n${lastField}`,
};

const work = "packages/db/migrations/0007_recovery_work.sql";

/** Each forgets the new field in one place that the others do not cover. */
export const mutants: Readonly<Record<string, Edit>> = {
  "not-sealed": {
    file: "packages/schema/src/to-row.ts",
    from: "isMasked || name === contract.subject",
    to: '(isMasked && name !== "email") || name === contract.subject',
  },
  "not-erased": {
    file: work,
    from: "column_name), ', ')\n    FROM jsonb_each_text(p_contract.tokens) AS token (field, column_name));\n  v_count",
    to: "column_name), ', ')\n    FROM jsonb_each_text(p_contract.tokens - 'email') AS token (field, column_name));\n  v_count",
  },
  "not-counted": {
    file: work,
    from: "(SELECT string_agg('entry.' || quote_ident(column_name), ', ')\n       FROM jsonb_each_text(v_contract.tokens) AS token (field, column_name))",
    to: "(SELECT string_agg('entry.' || quote_ident(column_name), ', ')\n       FROM jsonb_each_text(v_contract.tokens - 'email') AS token (field, column_name))",
  },
};
