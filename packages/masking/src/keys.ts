/** Keys as Node holds them. */

import type { KeyObject } from "node:crypto";
import type { KeyringOf, TokenKeyOf } from "./format/keys.ts";

/** A root key that field keys are derived from. */
export type TokenKey = TokenKeyOf<KeyObject>;

/** The keys of a service that masks and seals. It cannot open what it seals. */
export type Keyring = KeyringOf<KeyObject>;
