/** Login -> the row that is written: masked fields as tokens, their originals sealed. */
import type { LoginRow } from "@org/db/writer";
import type { Tokenizer } from "@org/masking";
import type { BatchSealer } from "@org/masking/seal";
import { majorVersion } from "@org/schema";
import type { Login, MaskedField } from "@org/schema";

/** Bound into every sealed record; a constant, never a relation's name. */
const tableLabel = "user_logins";

export interface MessageIdentity {
  readonly messageId: string;
  readonly recordId: string;
  readonly sentAtMs: number;
}

export type Mask = (
  login: Login,
  identity: MessageIdentity,
  sealer: BatchSealer | null,
) => LoginRow;

export function createMask(tokenizer: Tokenizer<MaskedField>): Mask {
  return (login, { messageId, recordId, sentAtMs }, sealer) => {
    // Naming each field makes one without a place a compile error, and keeps plaintext out of the rest.
    const { user_id, device_type, locale, app_version, ip, device_id, ...unnamed } = login;
    unnamed satisfies Record<string, never>;
    return {
      messageId,
      recordId,
      sentAtMs,
      userId: user_id,
      deviceType: device_type,
      locale,
      appVersion: majorVersion(app_version),
      appVersionText: app_version,
      maskedIp: tokenizer.tokenize("ip", ip),
      maskedDeviceId: tokenizer.tokenize("device_id", device_id),
      vault: sealer?.seal({ table: tableLabel, recordId }, { ip, device_id }) ?? null,
    };
  };
}
