/** One batch from bodies to durable rows: parse, mask, write. Plaintext lives from here to the end of this call. */
import type { QuarantineRow } from "@org/db";
import type { BatchSealer } from "@org/masking/seal";
import type { Oddity, Parsed, RejectionReason } from "@org/schema";
import { v7 as uuidv7 } from "uuid";

import type { Held, Item, Outcome } from "./model.ts";
import type { Mask } from "./stages/mask.ts";
import type { Parse } from "./stages/parse.ts";
import type { Write } from "./stages/write.ts";

/** Bound into every sealed body; a constant, never a relation's name. */
const tableLabel = "quarantine";

export interface CarryEvents {
  accepted(oddities: readonly Oddity[], droppedFields: number): void;
  rejected(messageId: string, reason: RejectionReason): void;
}

export interface CarryStages {
  readonly parse: Parse;
  readonly mask: Mask;
  readonly write: Write;
  /** Opens a batch key; null where the vault is off. */
  readonly openBatch: (() => BatchSealer) | null;
}

export type Carry = (batch: readonly Held[], giveUp: AbortSignal) => Promise<Outcome>;

/** Carries a batch to its outcome. Retries write the same sealed bytes: a message is sealed once. */
export function createCarry(
  { parse, mask, write, openBatch }: CarryStages,
  events: CarryEvents,
): Carry {
  function toItem(held: Held, parsed: Parsed, sealer: BatchSealer | null): Item | null {
    const { messageId, sentAtMs } = held.envelope;
    if (parsed.kind === "rejection") {
      events.rejected(messageId, parsed.reason);
      return (
        sealer && { held, kind: "quarantine", row: sealBody(sealer, held, parsed.reason, null) }
      );
    }
    events.accepted(parsed.oddities, parsed.droppedFields);
    const identity = { messageId, sentAtMs, recordId: uuidv7() };
    return { held, kind: "login", row: mask(parsed.login, identity, sealer) };
  }

  return async function carry(batch, giveUp) {
    using sealer = openBatch?.() ?? null;
    const items: Item[] = [];
    const returned: Held[] = [];
    const stoppedGroups = new Set<string | null>();

    for (const held of batch) {
      const { body, attributeNames, groupId } = held.envelope;
      // Whoever holds the message now carries it; and behind a returned message its group must wait.
      const isCarried = !held.leaseLost && (groupId === null || !stoppedGroups.has(groupId));
      const item = isCarried ? toItem(held, parse(body, attributeNames), sealer) : null;
      if (item) {
        items.push(item);
      } else {
        returned.push(held);
        stoppedGroups.add(groupId);
      }
    }

    const outcome = await write(items, {
      batchKeys: sealer ? sealer.sealedKeys.map((key) => ({ id: sealer.id, ...key })) : [],
      quarantine: sealer && ((held, reason, sqlState) => sealBody(sealer, held, reason, sqlState)),
      giveUp,
    });
    return { settled: outcome.settled, returned: [...returned, ...outcome.returned] };
  };
}

function sealBody(
  sealer: BatchSealer,
  { envelope }: Held,
  reason: QuarantineRow["reason"],
  sqlState: string | null,
): QuarantineRow {
  const { messageId, sentAtMs, body } = envelope;
  const recordId = uuidv7();
  const bytes = Buffer.from(body, "utf8");
  const sealed = sealer.sealBytes({ table: tableLabel, recordId }, bytes);
  bytes.fill(0);
  return { messageId, recordId, sentAtMs, reason, sqlState, ...sealed };
}
