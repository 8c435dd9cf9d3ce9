import { expect, it } from "vitest";

it.fails("fails a test that writes to the console", () => {
  // oxlint-disable-next-line no-console -- the stray call itself
  expect(console.log("This line is a test's, on purpose.")).toBeUndefined();
});
