/** New keyrings. */

import { createECDH, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { MaskingError } from "../errors.ts";
import type { KeyringJson, PrivateKeyringJson } from "../format/keyring.ts";
import { systemCode } from "./key-file.ts";

/**
 * Makes a keyring with one new token key and one new recipient, both primary, and apart from it
 * the recipient's private half. The keys are inline: fit for development; in production, move
 * them behind `env:`, `file:` or `aws-kms:` references.
 *
 * @param options.tokenKid - Default `t1`.
 * @param options.recipientKid - Default `r1`.
 *
 * @example
 * ```ts
 * import { generateKeyring } from "@org/masking/keyring";
 *
 * const { keyring, privateKeyring } = generateKeyring();
 * console.log(keyring.recipients[0]?.public_key === privateKeyring.recipients[0]?.public_key); // true
 * ```
 */
export function generateKeyring({
  tokenKid = "t1",
  recipientKid = "r1",
}: { readonly tokenKid?: string; readonly recipientKid?: string } = {}): {
  keyring: KeyringJson;
  privateKeyring: PrivateKeyringJson;
} {
  const pair = createECDH("prime256v1");
  const publicKey = pair.generateKeys();
  // OpenSSL drops leading zeros; a private key is 32 bytes (RFC 9180 section 7.1.2).
  const privateKey = Buffer.alloc(32);
  const scalar = pair.getPrivateKey();
  scalar.copy(privateKey, 32 - scalar.length);
  const recipient = {
    kid: recipientKid,
    state: "primary",
    public_key: publicKey.toString("base64url"),
  } as const;
  return {
    keyring: {
      format: "mk1/keyring",
      token_keys: [{ kid: tokenKid, state: "primary", key: randomBytes(32).toString("base64url") }],
      recipients: [recipient],
    },
    privateKeyring: {
      format: "mk1/private-keyring",
      recipients: [{ ...recipient, private_key: privateKey.toString("base64url") }],
    },
  };
}

/**
 * Writes a keyring to a new file that only its owner can read (mode 0600). A file that stands there
 * already is left as it is: keys that were overwritten are gone.
 *
 * @throws {@link MaskingError} `ERR_MASKING_KEY_INVALID` if the file exists or cannot be written.
 *
 * @example
 * ```ts
 * import { mkdtemp, stat } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { generateKeyring, writeKeyring } from "@org/masking/keyring";
 *
 * const path = join(await mkdtemp(join(tmpdir(), "keyring-")), "keyring.json");
 * await writeKeyring(path, generateKeyring().keyring);
 * console.log(((await stat(path)).mode & 0o777).toString(8)); // 600
 * ```
 */
export async function writeKeyring(
  path: string,
  keyring: KeyringJson | PrivateKeyringJson,
): Promise<void> {
  try {
    const text = `${JSON.stringify(keyring, null, 2)}\n`;
    await writeFile(path, text, { mode: 0o600, flag: "wx" });
  } catch (error) {
    const code = systemCode(error);
    throw new MaskingError(
      "ERR_MASKING_KEY_INVALID",
      code === "EEXIST"
        ? "A file stands at the keyring's path already; it was left as it is."
        : `The keyring cannot be written (${code}).`,
    );
  }
}
