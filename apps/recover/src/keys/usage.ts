/** Which key something stands under. */

import type { KeyUsage } from "@org/db";

/** Tags of quarantined messages are made with token keys. */
export function keyKind({ kind }: KeyUsage): "token" | "recipient" {
  return kind === "recipient" ? kind : "token";
}
