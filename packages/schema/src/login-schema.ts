/** What each field must look like; every failing check names its reason code. */
import * as z from "zod";

import type { Login, MaskedField } from "./login.ts";
import type { RejectionReason } from "./outcome.ts";

/** Says of each masked field whether its value can be masked. Must not throw. */
export type Accepts = Readonly<Record<MaskedField, (value: string) => boolean>>;

/** A login's fields as they pass: `locale` and `app_version` may be absent. */
export type LoginFields = Pick<Login, "user_id" | "device_type" | MaskedField> & {
  readonly locale?: string | null | undefined;
  readonly app_version?: string | null | undefined;
};

/**
 * Compiles the schema of the flattened fields. A value with several faults raises them in the
 * order of the fields here; each issue's message is a {@link RejectionReason}.
 */
export function createLoginSchema(accepts: Accepts): z.ZodType<LoginFields> {
  const fields = {
    user_id: required("user_id_missing", "user_id_wrong_type").refine(
      fits(128),
      because("user_id_too_long"),
    ),
    device_type: required("device_type_missing", "device_type_wrong_type").refine(
      fits(32),
      because("device_type_too_long"),
    ),
    ip: required("ip_missing", "ip_wrong_type").refine(accepts.ip, because("ip_invalid")),
    device_id: required("device_id_missing", "device_id_wrong_type")
      .refine(fits(256), because("device_id_too_long"))
      .refine(accepts.device_id, because("device_id_invalid")),
    locale: z
      .string(because("locale_wrong_type"))
      .refine(fits(32), because("locale_too_long"))
      .nullish(),
    app_version: z
      .string(because("app_version_wrong_type"))
      .refine(fits(32), because("app_version_too_long"))
      .nullish(),
  } satisfies Record<keyof Login, z.ZodType>;
  return z.compile(z.object(fields), { strict: true });
}

/** A text that must be there; null and `""` are as good as absent. */
function required(missing: RejectionReason, wrongType: RejectionReason): z.ZodString {
  return z
    .string({
      error: ({ input }) => (input === undefined || input === null ? missing : wrongType),
    })
    .min(1, because(missing));
}

/** Ties an issue to a code of the closed list. */
function because(reason: RejectionReason): { error: RejectionReason } {
  return { error: reason };
}

/** Whether a text fits `varchar(max)`: Postgres counts code points, JavaScript UTF-16 units. */
function fits(max: number): (text: string) => boolean {
  return (text) => text.length <= max || countCodePoints(text) <= max;
}

function countCodePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
