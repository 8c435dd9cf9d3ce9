/** One batch from bodies to durable rows: parse, mask, write. What it parses of them lives for this call; bodies are in hand from receive to ack. */
import { randomUUIDv7 } from "node:crypto";

import type { QuarantineRow } from "@org/db/writer";
import type { BatchSealer } from "@org/masking/seal";
import type { AnyContract, MessageOf, Parse, Parsed, SubjectTag, ToRow } from "@org/schema";

import type { BatchTrace } from "./batch-trace.ts";
import type { Held, Item, Outcome } from "./model.ts";
import type { Write } from "./stages/write.ts";

type Message = MessageOf<AnyContract>;

/** Bound into every sealed body; a constant, never a relation's name. */
const tableLabel = "quarantine";

export interface CarryEvents {
  readonly accepted: (oddities: readonly string[], droppedFields: number) => void;
  readonly rejected: (messageId: string, reason: string) => void;
}

export interface CarryStages {
  readonly parse: Parse<Message>;
  readonly toRow: ToRow<AnyContract>;
  readonly tag: SubjectTag;
  readonly write: Write;
  /** Opens a batch key; null where the vault is off. */
  readonly openBatch: (() => BatchSealer) | null;
}

export interface CarryContext {
  readonly giveUp: AbortSignal;
  readonly trace: BatchTrace;
}

interface ParsedMessage {
  readonly held: Held;
  readonly result: Parsed<Message>;
}

export type Carry = (batch: readonly Held[], context: CarryContext) => Promise<Outcome>;

/** Carries a batch to its outcome. Retries write the same sealed bytes: a message is sealed once. */
export function createCarry(
  { parse, toRow, tag, write, openBatch }: CarryStages,
  events: CarryEvents,
): Carry {
  return async function carry(batch, { giveUp, trace }) {
    using sealer = openBatch?.() ?? null;
    const parsed = trace.stage("parse", () =>
      batch.map((held) => ({
        held,
        result: parse(held.envelope.body, held.envelope.attributeNames),
      })),
    );
    const { items, released } = trace.stage("mask", () => maskBatch(parsed, sealer));
    const outcome = await trace.stage("write", () =>
      write(items, {
        batchKeys: sealer ? sealer.sealedKeys.map((key) => ({ id: sealer.id, ...key })) : [],
        quarantine:
          sealer && ((held, reason, sqlState) => sealBody(sealer, held, reason, sqlState)),
        giveUp,
      }),
    );
    return { durable: outcome.durable, released: [...released, ...outcome.released] };
  };

  function maskBatch(
    parsed: readonly ParsedMessage[],
    sealer: BatchSealer | null,
  ): { items: Item[]; released: Held[] } {
    const items: Item[] = [];
    const released: Held[] = [];
    const stoppedGroups = new Set<string | null>();
    for (const { held, result } of parsed) {
      const { groupId } = held.envelope;
      // Whoever holds the message now carries it; and behind a released message its group must wait.
      const isCarried = !held.leaseLost && (groupId === null || !stoppedGroups.has(groupId));
      const item = isCarried ? toItem(held, result, sealer) : null;
      if (item) {
        items.push(item);
      } else {
        released.push(held);
        stoppedGroups.add(groupId);
      }
    }
    return { items, released };
  }

  function toItem(held: Held, parsed: Parsed<Message>, sealer: BatchSealer | null): Item | null {
    const { messageId, sentAtMs } = held.envelope;
    if (parsed.kind === "rejection") {
      events.rejected(messageId, parsed.reason);
      const row = sealer && sealBody(sealer, held, parsed.reason, null);
      return row && { held, kind: "quarantine", row };
    }
    events.accepted(parsed.oddities, parsed.droppedFields);
    const recordId = randomUUIDv7();
    const { columns, vault } = toRow(parsed.message, { recordId, sealer });
    return { held, kind: "row", row: { messageId, recordId, sentAtMs, columns, vault } };
  }

  function sealBody(
    sealer: BatchSealer,
    { envelope }: Held,
    reason: string,
    sqlState: string | null,
  ): QuarantineRow {
    const { messageId, sentAtMs, body, attributeNames } = envelope;
    const recordId = randomUUIDv7();
    const bytes = Buffer.from(body, "utf8");
    const sealed = sealer.sealBytes({ table: tableLabel, recordId }, bytes);
    bytes.fill(0);
    const subjectTag = tag(body, attributeNames);
    return { messageId, recordId, sentAtMs, reason, sqlState, subjectTag, ...sealed };
  }
}
