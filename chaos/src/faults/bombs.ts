/** Bodies that cost a careless reader its memory or its stack. */

const mebibyte = 1_048_576;

export const plainBombs: readonly string[] = [
  `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`,
  "[".repeat(30_000) + "]".repeat(30_000),
  `{${Array.from({ length: 70_000 }, (_, key) => `"k${key}":0`).join(",")}}`,
  `"${"a".repeat(mebibyte - 2)}"`,
  `{"ip":"1.2.3.4","ip":"${"\\u0000".repeat(1_000)}"}`,
];
