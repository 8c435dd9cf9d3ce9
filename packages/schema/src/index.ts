/** The login message: its contract, its field policy, and the strict way from a body to a login. */
export { type FieldPolicy, fieldPolicy, type Login, type MaskedField } from "./login.ts";
export type { Accepts } from "./login-schema.ts";
export { majorVersion } from "./major-version.ts";
export {
  oddities,
  type Oddity,
  type Parsed,
  type RejectionReason,
  rejectionReasons,
} from "./outcome.ts";
export { createLoginParser } from "./parse.ts";
export type { UnwrapPolicy } from "./unwrap.ts";
