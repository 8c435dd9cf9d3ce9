/** A write that leaves nothing behind: tells a fault of the schema from a fault of a row. */

import { randomUUID } from "node:crypto";
import type { Sealed, SealedBatchKey, Seed, Token } from "@org/masking";
import type { ClientBase } from "pg";
import type { WriteBatch } from "./batch.ts";
import { writeStatement } from "./write-statement.ts";

export async function probe(client: ClientBase): Promise<void> {
  await client.query("BEGIN");
  try {
    await client.query(writeStatement(sampleBatch()));
  } finally {
    await client.query("ROLLBACK");
  }
}

/** Well-formed, and recognisable as nobody's. */
function sampleBatch(): WriteBatch {
  const sentAtMs = Date.now();
  const bytes: Uint8Array = Buffer.from("probe");
  const sealed = { sealed: bytes as Sealed, seed: bytes as Seed };
  const place = () => ({ messageId: randomUUID(), recordId: randomUUID(), sentAtMs });
  return {
    logins: [
      {
        ...place(),
        userId: "probe",
        deviceType: "probe",
        maskedIp: "probe" as Token,
        maskedDeviceId: "probe" as Token,
        locale: null,
        appVersion: null,
        appVersionText: null,
        vault: sealed,
      },
    ],
    quarantined: [{ ...place(), reason: "probe", sqlState: null, ...sealed }],
    batchKeys: [{ id: randomUUID(), recipient: "probe", sealed: bytes as SealedBatchKey }],
  };
}
