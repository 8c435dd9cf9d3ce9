/** Fails a test that writes to the console: what a test prints may be what production would leak. */
import { afterEach, beforeEach, type MockInstance, vi } from "vitest";

const methods = ["debug", "dir", "error", "info", "log", "trace", "warn"] as const;

let spies: MockInstance[] = [];

beforeEach(() => {
  spies = methods.map((method) => vi.spyOn(console, method));
});

afterEach(() => {
  const used = methods.filter((_, index) => (spies[index]?.mock.calls.length ?? 0) > 0);
  for (const spy of spies) spy.mockRestore();
  if (used.length > 0) throw new Error(`The test wrote to the console: ${used.join(", ")}.`);
});
