/** What is worth counting in a login that is accepted. */
import * as z from "zod";

import type { LoginFields } from "./login-schema.ts";
import { majorVersion } from "./major-version.ts";
import type { Oddity } from "./outcome.ts";

const DEVICE_ID = /^\d{3}-\d{2}-\d{4}$/;

/** Names the accepted but unusual forms in a login's fields. */
export function findOddities(fields: LoginFields): Oddity[] {
  const found: Oddity[] = [];
  if (!z.regexes.guid.test(fields.user_id)) found.push("user_id_not_uuid");
  if (!DEVICE_ID.test(fields.device_id)) found.push("device_id_unusual");
  // A null locale is the producer's ordinary way of saying that it knows none.
  if (fields.locale === undefined || fields.locale === "") found.push("locale_missing");
  if (!fields.app_version) found.push("app_version_missing");
  else if (majorVersion(fields.app_version) === null) found.push("app_version_not_integer");
  return found;
}
