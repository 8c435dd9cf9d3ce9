/** Seeds from a pool of random bytes: made in bulk, since asking for 32 bytes at a time costs more than sealing. */

import { randomFillSync } from "node:crypto";
import { type Seed, seedBytes } from "../format/vault.ts";

const pool = new Uint8Array(256 * seedBytes);
let used = pool.length;

/** Every slice is handed out once and zeroed where it stood. */
export function nextSeed(): Seed {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const slice = pool.subarray(used, used + seedBytes);
  const seed = slice.slice();
  slice.fill(0);
  used += seedBytes;
  return seed as Seed;
}
