/** Puts signed checkpoints outside the database, and refuses to sign a chain that was changed. */

import type { Audit } from "@org/db";
import { exit, RecoverError } from "../exit.ts";
import type { RecoverKeyring } from "../signing/recover-keyring.ts";
import type { SigningKey } from "../signing/signing-key.ts";
import type { ChainPosition } from "./chain.ts";
import { type Checkpoint, readCheckpoint, signCheckpoint } from "./checkpoint.ts";
import type { CheckpointSink, StoredCheckpoint } from "./sink.ts";

export interface Witness {
  /**
   * Resolves once every sink has accepted a checkpoint of just this place in the chain: what stands
   * between it and the chain's end is the database's word alone.
   *
   * @throws {@link RecoverError} exit 30 if the chain no longer holds what an earlier checkpoint
   *   says, or holds another row at `claimed`; exit 20 if a sink did not accept.
   */
  readonly cover: (claimed: ChainPosition) => Promise<void>;
  /** The same for wherever the chain ends now. */
  readonly coverEnd: () => Promise<ChainPosition>;
}

export interface WitnessPorts {
  readonly audit: Pick<Audit, "position" | "hashAt">;
  readonly sinks: readonly CheckpointSink[];
  readonly key: SigningKey;
  readonly keyring: Pick<RecoverKeyring, "deployment" | "signers">;
  /** Told, once each, what stands among the checkpoints and counts for nothing, and why. */
  readonly onIgnored: (name: string, reason: string) => void;
  readonly now?: () => number;
}

export function createWitness(ports: WitnessPorts): Witness {
  const { audit, sinks, key, keyring, now = Date.now } = ports;
  const ignored = new Set<string>();

  async function holds({ seq, hash }: ChainPosition): Promise<boolean> {
    const stored = seq === 0 ? null : await audit.hashAt(seq);
    return stored !== null && Buffer.from(stored).toString("hex") === hash;
  }

  async function newest(sink: CheckpointSink): Promise<[StoredCheckpoint, Checkpoint] | null> {
    for await (const stored of sink.read()) {
      const checkpoint = readCheckpoint(stored, keyring);
      if (typeof checkpoint !== "string") return [stored, checkpoint];
      if (!ignored.has(stored.name)) ports.onIgnored(stored.name, checkpoint);
      ignored.add(stored.name);
    }
    return null;
  }

  async function refuseFork(): Promise<void> {
    for (const sink of sinks) {
      const found = await newest(sink);
      if (found === null) continue;
      const [{ name }, checkpoint] = found;
      if (checkpoint.seq > 0 && !(await holds(checkpoint))) {
        throw tampering(
          `The audit chain differs from its checkpoint at row ${checkpoint.seq} (${name}).`,
        );
      }
    }
  }

  async function sign(position: ChainPosition): Promise<void> {
    const atSeconds = Math.floor(now() / 1000);
    const { deployment } = keyring;
    const checkpoint = signCheckpoint(position, { deployment, key, atSeconds });
    for (const sink of sinks) await sink.put(checkpoint);
  }

  return {
    async cover(claimed) {
      await refuseFork();
      const end = await audit.position();
      if (end.seq < claimed.seq || !(await holds(claimed))) {
        throw tampering(`The audit chain does not hold the intent at row ${claimed.seq}.`);
      }
      await sign(claimed);
    },
    async coverEnd() {
      await refuseFork();
      const end = await audit.position();
      const position = { seq: end.seq, hash: Buffer.from(end.hash).toString("hex") };
      await sign(position);
      return position;
    },
  };
}

function tampering(message: string): RecoverError {
  return new RecoverError(exit.tampering, message, {
    advice:
      "Run `recover audit verify` as an auditor, and keep the checkpoints. If the chain is whole, whoever signed that checkpoint is no witness to keep.",
  });
}
