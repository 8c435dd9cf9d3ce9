/** AWS KMS: keys that never leave it, by way of the optional package @aws-sdk/client-kms. */

import type * as Sdk from "@aws-sdk/client-kms";
import { MaskingError } from "../errors.ts";
import { concat } from "../format/bytes.ts";
import type { KeyService } from "./key-source.ts";

/**
 * Opens AWS KMS for the `aws-kms:ARN` references of a keyring.
 *
 * `loadKeyring` and `loadPrivateKeyring` do this by themselves where a keyring has such a
 * reference. Call it for a client of your own: credentials, endpoint, retries.
 *
 * Token keys take `kms:Decrypt` on a symmetric key; recipients take `kms:DeriveSharedSecret` on an
 * `ECC_NIST_P256` key of usage `KEY_AGREEMENT`.
 *
 * @param options.client - Default: one client for each region that an ARN names, with the SDK's
 *   own credentials.
 * @throws {@link MaskingError} `ERR_MASKING_KEY_INVALID` if the package `@aws-sdk/client-kms` is not
 *   installed.
 *
 * @example
 * ```ts
 * import { KMSClient } from "@aws-sdk/client-kms";
 * import { generateKeyring, resolveKeyring } from "@org/masking/keyring";
 * import { openAwsKms } from "@org/masking/kms";
 *
 * const kms = await openAwsKms({ client: new KMSClient({ region: "eu-central-1" }) });
 * const keyring = await resolveKeyring(generateKeyring().keyring, { env: {}, kms });
 * console.log(keyring.tokenKeys.length); // 1
 * ```
 */
export async function openAwsKms(
  options: { readonly client?: Sdk.KMSClient } = {},
): Promise<KeyService> {
  const sdk = await importSdk();
  const clients = new Map<string | undefined, Sdk.KMSClient>();

  function clientFor(arn: string): Sdk.KMSClient {
    if (options.client) return options.client;
    const [, , , region] = arn.split(":");
    const client = clients.get(region) ?? new sdk.KMSClient(region ? { region } : {});
    clients.set(region, client);
    return client;
  }

  return {
    async unwrapKey(arn, wrapped) {
      const command = new sdk.DecryptCommand({ KeyId: arn, CiphertextBlob: wrapped });
      return present((await clientFor(arn).send(command)).Plaintext);
    },
    async deriveSharedSecret(arn, publicKey) {
      const command = new sdk.DeriveSharedSecretCommand({
        KeyId: arn,
        KeyAgreementAlgorithm: "ECDH",
        PublicKey: concat(spkiStart, publicKey),
      });
      return present((await clientFor(arn).send(command)).SharedSecret);
    },
  };
}

/** SubjectPublicKeyInfo of an uncompressed P-256 point, up to the point (RFC 5480 section 2). */
const spkiStart: Uint8Array = Uint8Array.from(
  "3059301306072a8648ce3d020106082a8648ce3d030107034200".match(/../g) ?? [],
  (byte) => Number.parseInt(byte, 16),
);

async function importSdk(): Promise<typeof Sdk> {
  try {
    return await import("@aws-sdk/client-kms");
  } catch {
    throw new MaskingError(
      "ERR_MASKING_KEY_INVALID",
      "AWS KMS takes the package @aws-sdk/client-kms, which is not installed.",
    );
  }
}

function present(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) throw new Error("AWS KMS answered without the key.");
  return bytes;
}
