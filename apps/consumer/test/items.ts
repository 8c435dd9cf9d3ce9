/** What the write stage is given, made up for its tests. */
import { randomUUID } from "node:crypto";

import type { LoginRow } from "@org/db/writer";
import type { Sealed, Seed, Token } from "@org/masking";

import type { Item } from "../src/model.ts";
import { createHeld } from "./held.ts";

export function createLoginItem(index: number): Item {
  const held = createHeld(index);
  const { messageId, sentAtMs } = held.envelope;
  const row: LoginRow = {
    messageId,
    sentAtMs,
    recordId: randomUUID(),
    userId: "u",
    deviceType: "ios",
    maskedIp: "mk1.t1.ip" as Token,
    maskedDeviceId: "mk1.t1.device" as Token,
    locale: null,
    appVersion: null,
    appVersionText: null,
    vault: null,
  };
  return { held, kind: "login", row };
}

/** With so many bytes of sealed body. */
export function createQuarantineItem(index: number, sealedBytes: number): Item {
  const held = createHeld(index);
  const { messageId, sentAtMs } = held.envelope;
  const sealed: Uint8Array = Buffer.alloc(sealedBytes, index);
  const row = { messageId, sentAtMs, recordId: randomUUID(), reason: "not_json", sqlState: null };
  const body = { sealed: sealed as Sealed, seed: sealed.subarray(0, 32) as Seed };
  return { held, kind: "quarantine", row: { ...row, ...body } };
}
