/** What the write stage is given, made up for its tests from samples of the first contract that is shipped. */
import { randomUUID } from "node:crypto";

import type { Sealed, Seed, Token } from "@org/masking";
import { contracts, createParser, createToRow, sampleMessages } from "@org/schema";
import type { AnyContract } from "@org/schema";

import type { Item } from "../src/model.ts";
import { createHeld } from "./held.ts";

const [first] = contracts;
if (!first) throw new Error("No contract is shipped.");
export const contract: AnyContract = first;

const parse = createParser(contract);
const toRow = createToRow(contract, { tokenize: (field) => `mk1.t1.${field}` as Token });
const messages = sampleMessages(contract, { count: 100, seed: 1 }).flatMap(({ body }) => {
  const parsed = parse(body);
  return parsed.kind === "message" ? [parsed.message] : [];
});

export function createRowItem(index: number): Item {
  const held = createHeld(index);
  const { messageId, sentAtMs } = held.envelope;
  const recordId = randomUUID();
  const message = messages[index % messages.length];
  if (!message) throw new Error("There is no sample.");
  const row = { messageId, sentAtMs, recordId, ...toRow(message, { recordId, sealer: null }) };
  return { held, kind: "row", row };
}

/** With so many bytes of sealed body. */
export function createQuarantineItem(index: number, sealedBytes: number): Item {
  const held = createHeld(index);
  const { messageId, sentAtMs } = held.envelope;
  const sealed: Uint8Array = Buffer.alloc(sealedBytes, index);
  const row = {
    messageId,
    sentAtMs,
    recordId: randomUUID(),
    reason: "not_json",
    sqlState: null,
    subjectTag: null,
  };
  const body = { sealed: sealed as Sealed, seed: sealed.subarray(0, 32) as Seed };
  return { held, kind: "quarantine", row: { ...row, ...body } };
}
