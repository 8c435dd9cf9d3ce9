/**
 * Signed checkpoints of the audit chain, in the form of C2SP's signed-note and tlog-checkpoint; the
 * root is the chain's last hash, not a Merkle tree's, and the origin names the deployment.
 */

import { createHash } from "node:crypto";
import { findSigner, type RecoverKeyring, verifiedBy } from "../signing/recover-keyring.ts";
import type { SigningKey } from "../signing/signing-key.ts";
import type { ChainPosition } from "./chain.ts";
import type { StoredCheckpoint } from "./sink.ts";

export interface Checkpoint extends ChainPosition {
  readonly atSeconds: number;
  readonly kid: string;
}

/** Who signs, for which deployment's chain, and when. */
export interface CheckpointSigning {
  readonly deployment: string;
  readonly key: SigningKey;
  readonly atSeconds: number;
}

/** C2SP signed-note: 0x01 stands for Ed25519. */
const ed25519 = Buffer.from([0x01]);
/**
 * Exactly one signature. Base64 of a root and of a signature, whose last letters leave two bits
 * unused: they are zero.
 */
const form =
  /^(maskline\/audit\/([\w.-]{1,64})\n(\d{1,15})\n([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)\ntime (\d{1,12})\n)\n— ([0-9a-f]{16}) ([A-Za-z0-9+/]{90}[AEIMQUYcgkosw048]=)\n$/;

export function signCheckpoint(
  position: ChainPosition,
  { deployment, key, atSeconds }: CheckpointSigning,
): StoredCheckpoint {
  const { seq, hash } = position;
  const root = Buffer.from(hash, "hex").toString("base64");
  const note = `maskline/audit/${deployment}\n${seq}\n${root}\ntime ${atSeconds}\n`;
  const signature = Buffer.concat([
    keyHash(key.kid, key.rawPublicKey),
    key.sign(Buffer.from(note)),
  ]);
  return {
    name: nameOf({ seq, atSeconds, kid: key.kid }),
    text: `${note}\n— ${key.kid} ${signature.toString("base64")}\n`,
  };
}

/** Names sort by chain length, then by time. */
function nameOf({ seq, atSeconds, kid }: Omit<Checkpoint, "hash">): string {
  const place = `${String(seq).padStart(15, "0")}-${String(atSeconds).padStart(12, "0")}`;
  return `${place}-${kid}.checkpoint`;
}

/**
 * The checkpoint, if a witness in the keyring made it for this deployment and it stands under its
 * own name; else why it does not count.
 */
export function readCheckpoint(
  { name, text }: StoredCheckpoint,
  keyring: Pick<RecoverKeyring, "deployment" | "signers">,
): Checkpoint | string {
  const parts = form.exec(text);
  if (parts === null) return "is no checkpoint";
  const [, note = "", deployment, seq, root = "", time, kid = "", encoded = ""] = parts;
  if (deployment !== keyring.deployment) return "is another deployment's";
  const signer = findSigner(keyring, kid, "witness");
  if (signer?.type !== "ed25519") return "bears no witness's signature";
  const signature = Buffer.from(encoded, "base64");
  const isOurs = keyHash(kid, signer.publicKey.raw).equals(signature.subarray(0, 4));
  if (!isOurs || !verifiedBy(signer, Buffer.from(note), signature.subarray(4))) {
    return "bears no witness's signature";
  }
  const checkpoint = {
    seq: Number(seq),
    hash: Buffer.from(root, "base64").toString("hex"),
    atSeconds: Number(time),
    kid,
  };
  // An older one in a newer one's place would hide what was signed since.
  return nameOf(checkpoint) === name ? checkpoint : "stands under another's name";
}

function keyHash(name: string, publicKey: Uint8Array): Buffer {
  const hash = createHash("sha256").update(`${name}\n`).update(ed25519).update(publicKey);
  return hash.digest().subarray(0, 4);
}
