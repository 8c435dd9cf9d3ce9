/** Which keys an operation may use: the one place where a key's state decides. */

import { MaskingError } from "../errors.ts";
import type {
  Keyring,
  PrivateKeyring,
  PrivateRecipient,
  Recipient,
  TokenKey,
  Usable,
} from "./keys.ts";

/** The key that makes new tokens, and those that only match. */
export function tokenKeysOf({ tokenKeys }: Pick<Keyring, "tokenKeys">): {
  primary: Usable<TokenKey>;
  others: readonly Usable<TokenKey>[];
} {
  const usable = tokenKeys.filter((key) => key.state !== "disabled");
  const primary = usable.find((key) => key.state === "primary");
  if (primary === undefined) {
    throw new MaskingError("ERR_MASKING_KEY_UNKNOWN", "The keyring has no primary token key.");
  }
  return { primary, others: usable.filter((key) => key !== primary) };
}

type Recipients = Pick<Keyring, "recipients">;

const isPrimary = (recipient: Recipient): recipient is Usable<Recipient> =>
  recipient.state === "primary";

/** Those to whom each new batch key is sealed. */
export function sealingRecipients({ recipients }: Recipients): readonly Usable<Recipient>[] {
  const primaries = recipients.filter(isPrimary);
  if (primaries.length === 0) {
    throw new MaskingError("ERR_MASKING_KEY_UNKNOWN", "The keyring has no primary recipient.");
  }
  return primaries;
}

/** The recipient whose private key opens what was sealed to `kid`. */
export function openingRecipient(
  { recipients }: PrivateKeyring,
  kid: string,
): Usable<PrivateRecipient> {
  const recipient = recipients.find((candidate) => candidate.kid === kid);
  if (recipient === undefined || recipient.state === "disabled") {
    throw new MaskingError(
      "ERR_MASKING_KEY_UNKNOWN",
      "The private keyring has no usable key for this recipient.",
    );
  }
  return recipient;
}

/** The recipient to whom a batch key may be rewrapped. */
export function rewrapRecipient({ recipients }: Recipients, kid: string): Usable<Recipient> {
  const recipient = recipients.find((candidate) => candidate.kid === kid);
  if (recipient?.state === "primary" || recipient?.state === "pending") return recipient;
  throw new MaskingError(
    "ERR_MASKING_KEY_UNKNOWN",
    "The keyring has no pending or primary recipient of this kid.",
  );
}
