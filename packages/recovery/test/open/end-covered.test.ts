/** How a claim ends whose outcome was told: with what is worse of the work and its last checkpoint. */

import { expect, test } from "vitest";
import type { Witness } from "../../src/audit/witness.ts";
import { exit, RecoverError } from "../../src/exit.ts";
import { endCovered } from "../../src/open/claim.ts";

const witness = (coverEnd: () => Promise<never>): Witness => ({
  cover: async () => {},
  coverEnd,
});
const advice = "Nothing to do.";
const sinkAway = witness(() =>
  Promise.reject(new RecoverError(exit.auditUnavailable, "The sink is away.", { advice })),
);
const fork = witness(() =>
  Promise.reject(new RecoverError(exit.tampering, "The chain differs.", { advice })),
);
const mismatch = new RecoverError(exit.tampering, "One row differs.", { advice });

test("work that went well but for its last checkpoint says so", async () => {
  await expect(endCovered(sinkAway, null)).rejects.toMatchObject({
    exitCode: exit.auditUnavailable,
    message: expect.stringContaining("no checkpoint covers the end") as unknown,
  });
});

test("what the work found is not hidden by a sink that is away", async () => {
  await expect(endCovered(sinkAway, mismatch)).rejects.toBe(mismatch);
});

test("a chain that was changed is told first", async () => {
  await expect(endCovered(fork, mismatch)).rejects.toMatchObject({ message: "The chain differs." });
});
