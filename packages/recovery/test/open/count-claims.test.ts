import type { Claims } from "@org/db";
import { expect, test } from "vitest";
import { createClaimCounts } from "../../src/open/count-claims.ts";
import type { SignedGrant } from "../../src/grants/show-verified.ts";

const signed = { grant: { id: "7b0e", maxRecords: 2 } } as SignedGrant;

/** A database that answers each claim with this, whatever was used of the grant. */
const answering = (answer: object): Claims =>
  ({ claim: async () => answer, claimLookup: async () => answer }) as unknown as Claims;

const ask = { capability: "unmask", records: ["a"] } as unknown as Parameters<Claims["claim"]>[0];

const outcomes = async (asked: readonly Promise<unknown>[]): Promise<string[]> =>
  (await Promise.allSettled(asked)).map(({ status }) => status);

test("of several openings at once no more are claimed than were approved", async () => {
  const { claim } = createClaimCounts().counted(answering({ claim: "1" }), signed);
  expect(await outcomes([1, 2, 3, 4].map(() => claim(ask)))).toEqual([
    "fulfilled",
    "fulfilled",
    "rejected",
    "rejected",
  ]);
});

test("what the database fails in is not used: nothing is handed out without its answer", async () => {
  let isAway = true;
  const { claim } = createClaimCounts().counted(
    { claim: async () => (isAway ? Promise.reject(new Error("away")) : {}) } as unknown as Claims,
    signed,
  );
  expect(await outcomes([claim(ask), claim(ask)])).toEqual(["rejected", "rejected"]);
  isAway = false;
  expect(await outcomes([claim(ask), claim(ask), claim(ask)])).toEqual([
    "fulfilled",
    "fulfilled",
    "rejected",
  ]);
});

test("what the database refuses is not used", async () => {
  const counts = createClaimCounts();
  const refusing = counts.counted(answering({ refused: "too_fast" }), signed);
  for (let times = 0; times < 5; times += 1) await refusing.claim(ask);
  const { claim } = counts.counted(answering({ claim: "1" }), signed);
  expect(await outcomes([claim(ask), claim(ask)])).toEqual(["fulfilled", "fulfilled"]);
});
