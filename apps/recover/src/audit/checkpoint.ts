/**
 * Signed checkpoints of the audit chain, in the form of C2SP's signed-note and tlog-checkpoint; the
 * root is the chain's last hash, not a Merkle tree's.
 */

import { createHash } from "node:crypto";
import { type Signer, type SigningKey, verifiedBy } from "../signing.ts";
import type { ChainPosition } from "./chain.ts";

export interface Checkpoint extends ChainPosition {
  readonly atSeconds: number;
  readonly kid: string;
}

const origin = "maskline/audit";
/** C2SP signed-note: 0x01 stands for Ed25519. */
const ed25519 = Buffer.from([0x01]);
/** Base64 of a root and of a signature, whose last letters leave two bits unused: they are zero. */
const form =
  /^(maskline\/audit\n(\d{1,15})\n([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)\ntime (\d{1,12})\n)\n— ([0-9a-f]{16}) ([A-Za-z0-9+/]{90}[AEIMQUYcgkosw048]=)\n$/;

export function signCheckpoint(
  position: ChainPosition,
  key: SigningKey,
  atSeconds: number,
): string {
  const root = Buffer.from(position.hash, "hex").toString("base64");
  const note = `${origin}\n${position.seq}\n${root}\ntime ${atSeconds}\n`;
  const signature = Buffer.concat([
    keyHash(key.kid, key.rawPublicKey),
    key.sign(Buffer.from(note)),
  ]);
  return `${note}\n— ${key.kid} ${signature.toString("base64")}\n`;
}

/** Under which it is stored; names sort by chain length, then by time. */
export function checkpointName({ seq, atSeconds, kid }: Omit<Checkpoint, "hash">): string {
  const place = `${String(seq).padStart(15, "0")}-${String(atSeconds).padStart(12, "0")}`;
  return `${place}-${kid}.checkpoint`;
}

/** The checkpoint, or null if it is not one that a signer in the keyring made. */
export function readCheckpoint(text: string, signers: readonly Signer[]): Checkpoint | null {
  const [, note = "", seq, root = "", time, kid = "", encoded = ""] = form.exec(text) ?? [];
  const signer = signers.find((candidate) => candidate.kid === kid);
  if (signer === undefined) return null;
  const signature = Buffer.from(encoded, "base64");
  const isOurs = keyHash(kid, signer.rawPublicKey).equals(signature.subarray(0, 4));
  if (!isOurs || !verifiedBy(signer, Buffer.from(note), signature.subarray(4))) return null;
  return {
    seq: Number(seq),
    hash: Buffer.from(root, "base64").toString("hex"),
    atSeconds: Number(time),
    kid,
  };
}

function keyHash(name: string, publicKey: Uint8Array): Buffer {
  const hash = createHash("sha256").update(`${name}\n`).update(ed25519).update(publicKey);
  return hash.digest().subarray(0, 4);
}
