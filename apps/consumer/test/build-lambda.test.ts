import { strFromU8, unzipSync } from "fflate";
import { expect, test } from "vitest";

import { zipLambda } from "../build-lambda.ts";

const repository = new URL("../../..", import.meta.url).pathname;

test("the function's zip has the same bytes at every build, and nothing of the machine that built it", async () => {
  const zip = await zipLambda();
  expect(Buffer.compare(zip, await zipLambda())).toBe(0);

  const files = Object.entries(unzipSync(zip)).map(([name, bytes]) => [name, strFromU8(bytes)]);
  expect(files.map(([name]) => name)).toContain("index.mjs");
  expect(files.filter(([, text]) => text?.includes(repository))).toEqual([]);
});
