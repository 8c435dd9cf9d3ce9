/** Bodies that cost a careless reader its memory or its stack. */
import type { AnyContract } from "@org/schema";

const mebibyte = 1_048_576;

const plainBombs: readonly string[] = [
  `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`,
  "[".repeat(30_000) + "]".repeat(30_000),
  `{${Array.from({ length: 70_000 }, (_, key) => `"k${key}":0`).join(",")}}`,
  `"${"a".repeat(mebibyte - 2)}"`,
];

/** Those, and one field twice. */
export function bombsFor({ fields: [first] }: AnyContract): readonly string[] {
  const name = JSON.stringify(first?.name ?? "");
  return [...plainBombs, `{${name}:"1.2.3.4",${name}:"${"\\u0000".repeat(1_000)}"}`];
}
