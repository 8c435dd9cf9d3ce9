/** Makes the test vectors, the same bytes at every run: `pnpm --filter @org/masking vectors` writes them. */

import { writeFile } from "node:fs/promises";
import { batchKeyVectors } from "./source/batch-keys.ts";
import { canonicalVectors } from "./source/canonical.ts";
import { keyringVectors } from "./source/keyrings.ts";
import { recordVectors } from "./source/records.ts";
import { tokenVectors } from "./source/tokens.ts";

/** The vector files by name, as text. */
export async function generateVectors(): Promise<ReadonlyMap<string, string>> {
  const files: Readonly<Record<string, unknown>> = {
    "canonical.json": canonicalVectors(),
    "tokens.json": await tokenVectors(),
    "batch-keys.json": batchKeyVectors(),
    "records.json": recordVectors(),
    "keyrings.json": keyringVectors(),
  };
  return new Map(
    Object.entries(files).map(([name, file]) => [name, `${JSON.stringify(file, null, 2)}\n`]),
  );
}

if (import.meta.main) {
  for (const [name, text] of await generateVectors()) {
    await writeFile(new URL(name, import.meta.url), text);
  }
}
