/**
 * drizzle's CommonJS build, which loads in a tenth of the time.
 *
 * Of its ES modules Node loads some 400, and for each reads drizzle's package.json anew: half a
 * second in each process. Types come from the ES modules: those of the CommonJS build are the same.
 */
import { createRequire } from "node:module";
import type * as Drizzle from "drizzle-orm";
import type * as PgCore from "drizzle-orm/pg-core";

const require = createRequire(import.meta.url);

export const drizzle: Pick<typeof Drizzle, "sql"> = require("drizzle-orm");
export const pgCore: typeof PgCore = require("drizzle-orm/pg-core");
