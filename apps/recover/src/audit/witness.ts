/** Puts signed checkpoints outside the database, and refuses to sign a chain that was changed. */

import type { Audit } from "@org/db";
import { exit, RecoverError } from "../exit.ts";
import type { Signer, SigningKey } from "../signing.ts";
import type { ChainPosition } from "./chain.ts";
import { checkpointName, readCheckpoint, signCheckpoint } from "./checkpoint.ts";
import type { CheckpointSink } from "./sink.ts";

export interface Witness {
  /**
   * Resolves once the sink has accepted a checkpoint of just this place in the chain: what stands
   * between it and the chain's end is the database's word alone.
   *
   * @throws {@link RecoverError} exit 30 if the chain no longer holds what an earlier checkpoint
   *   says, or holds another row at `claimed`; exit 20 if the sink did not accept.
   */
  cover(claimed: ChainPosition): Promise<void>;
  /** The same for wherever the chain ends now. */
  coverEnd(): Promise<ChainPosition>;
}

export function createWitness({
  audit,
  sink,
  key,
  signers,
  now = Date.now,
}: {
  readonly audit: Pick<Audit, "position" | "hashAt">;
  readonly sink: CheckpointSink;
  readonly key: SigningKey;
  readonly signers: readonly Signer[];
  readonly now?: () => number;
}): Witness {
  async function holds({ seq, hash }: ChainPosition): Promise<boolean> {
    const stored = seq === 0 ? null : await audit.hashAt(seq);
    return stored !== null && Buffer.from(stored).toString("hex") === hash;
  }

  async function refuseFork(): Promise<void> {
    const stored = await sink.readNewest();
    if (stored === null) return;
    const newest = readCheckpoint(stored.text, signers);
    if (newest === null) throw tampering("The newest checkpoint bears no signature of a signer.");
    // An older one in its place would hide what was signed since.
    if (checkpointName(newest) !== stored.name) {
      throw tampering("The newest checkpoint stands under the name of another.");
    }
    if (newest.seq > 0 && !(await holds(newest))) {
      throw tampering(`The audit chain differs from its checkpoint at row ${newest.seq}.`);
    }
  }

  async function sign({ seq, hash }: ChainPosition): Promise<void> {
    const atSeconds = Math.floor(now() / 1000);
    const name = checkpointName({ seq, atSeconds, kid: key.kid });
    await sink.put(name, signCheckpoint({ seq, hash }, key, atSeconds));
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
    advice: "Run `recover audit verify` as an auditor, and keep the checkpoints.",
  });
}
