/** What a body turns out to be, and the closed lists of codes that say so. */
import type { Login } from "./login.ts";

/**
 * Why a body is refused. Codes only: a reason never carries a value, a key or an error message
 * of the body. Consumers use them as metric labels, so the list is closed.
 */
export const rejectionReasons = [
  // The body as text.
  "body_too_large",
  "not_json",
  "too_deep",
  "too_many_keys",
  "duplicate_key",
  "forbidden_key",
  "nul_character",
  "lone_surrogate",
  // The body as something other than a login.
  "not_an_object",
  "not_a_login",
  "ambiguous_path",
  "sns_envelope_refused",
  "sns_confirmation",
  "event_bridge_envelope_refused",
  "s3_test_event",
  "payload_in_s3",
  // A login with a field that cannot be taken as it is.
  "user_id_missing",
  "user_id_wrong_type",
  "user_id_too_long",
  "device_type_missing",
  "device_type_wrong_type",
  "device_type_too_long",
  "ip_missing",
  "ip_wrong_type",
  "ip_invalid",
  "device_id_missing",
  "device_id_wrong_type",
  "device_id_too_long",
  "device_id_invalid",
  "locale_wrong_type",
  "locale_too_long",
  "app_version_wrong_type",
  "app_version_too_long",
] as const;

export type RejectionReason = (typeof rejectionReasons)[number];

/** Forms that are accepted, but worth counting: a sudden rise means that a producer changed. */
export const oddities = [
  "bom",
  "user_id_not_uuid",
  "device_id_unusual",
  "locale_missing",
  "app_version_missing",
  "app_version_not_integer",
] as const;

export type Oddity = (typeof oddities)[number];

/** A body's outcome. `droppedFields` counts the flattened fields that no policy names. */
export type Parsed =
  | {
      readonly kind: "login";
      readonly login: Login;
      readonly oddities: readonly Oddity[];
      readonly droppedFields: number;
    }
  | { readonly kind: "rejection"; readonly reason: RejectionReason };
