/** Moves batch keys from one recipient to another; no record is touched. */

import { type Keyring, MaskingError } from "@org/masking";
import type { Unsealer } from "@org/masking/unseal";
import {
  countArrived,
  exit,
  openWork,
  RecoverError,
  requireOpenable,
  termOf,
  type WorkPorts,
} from "@org/recovery";
import type { Progress } from "../progress.ts";

const batchKeys = 500;
const firstId = "00000000-0000-0000-0000-000000000000";

export interface RewrapPorts extends WorkPorts {
  readonly unsealer: Unsealer;
  readonly to: Pick<Keyring, "recipients">;
}

export interface Rewrapped {
  readonly moved: number;
  /** Batch keys that the private keyring cannot open; they stay as they are. */
  readonly failed: number;
  /** Of the old recipient, since the request: not touched. */
  readonly arrived: number;
}

/** A moved key is gone from the old recipient, so a run that was killed is resumed by itself. */
export async function rewrap(
  ports: RewrapPorts,
  grantId: string,
  progress: Progress,
): Promise<Rewrapped> {
  const { work, claims } = ports.recovery;
  // Batch keys are every contract's.
  const order = { grantId, contract: "*", capability: "rewrap" } as const;
  const { grant, claim, requireListed } = await openWork(ports, order);
  const from = termOf(grant, "from");
  const to = { keyring: ports.to, recipient: termOf(grant, "to") };
  let isProven = false;
  let moved = 0;
  let failed = 0;
  for (let after = firstId; ;) {
    const keys = await work.rewrapNext(claim.claim, { after, limit: batchKeys });
    const last = keys.at(-1);
    if (last === undefined) break;
    if (keys.some((key) => key.recipient !== from)) throw otherRecipient(from);
    requireListed(keys.map(({ id }) => id));
    const fresh = [];
    for (const key of keys) {
      const sealed = await ports.unsealer.rewrap(key, to).catch(nullIfUnopenable);
      if (sealed === null) continue;
      // One is enough: all are sealed to the same public key.
      if (!isProven) await requireOpenable({ id: key.id, sealedKeys: [sealed] }, ports.unsealer);
      isProven = true;
      fresh.push({ id: key.id, sealed: sealed.sealed });
    }
    moved += await work.rewrapStore(claim.claim, fresh);
    failed += keys.length - fresh.length;
    after = last.id;
    progress(moved);
  }
  const arrived = await countArrived(work, claim);
  await claims.reportResult(claim.claim, { outcome: "rewrapped", moved, failed, arrived });
  return { moved, failed, arrived };
}

/** The database's word on which keys to move is held against what was signed. */
function otherRecipient(from: string): RecoverError {
  return new RecoverError(exit.tampering, `A batch key that is not ${from}'s was handed out.`, {
    advice: "It was not moved. Somebody changed the database: tell the security team.",
  });
}

/** A key that is missing from a keyring ends the work: nothing would be moved. */
function nullIfUnopenable(error: unknown): null {
  if (error instanceof MaskingError && error.code === "ERR_MASKING_UNSEAL_FAILED") return null;
  throw error;
}
