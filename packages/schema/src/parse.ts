/** From the body of a message to a login, or the reason why it is none. */
import { readDocument } from "./document.ts";
import { flatten } from "./flatten.ts";
import { type Accepts, createLoginSchema, type LoginFields } from "./login-schema.ts";
import { fieldPolicy, type Login } from "./login.ts";
import { findOddities } from "./oddities.ts";
import type { Parsed, RejectionReason } from "./outcome.ts";
import { isOffloaded, unwrap, unwrapNothing, type UnwrapPolicy } from "./unwrap.ts";

const BYTE_ORDER_MARK = "\ufeff";
const FIELDS: ReadonlySet<string> = new Set(Object.keys(fieldPolicy));

/**
 * Builds the parser of login messages.
 *
 * The parser never throws, fetches nothing, and keeps nothing of a body but the fields of
 * {@link Login}. Its second argument is the names of the message's SQS attributes.
 *
 * @param options.accepts - Whether a value can be masked: the masker's own strict parsers.
 * @param options.unwrap - Whose envelopes are opened; by default nobody's.
 * @example
 * const parse = createLoginParser({
 *   accepts: {
 *     ip: (value) => isCanonicalizable(fieldPolicy.ip.norm, value),
 *     device_id: (value) => isCanonicalizable(fieldPolicy.device_id.norm, value),
 *   },
 * });
 * parse("{}"); // { kind: "rejection", reason: "not_a_login" }
 */
export function createLoginParser(options: {
  readonly accepts: Accepts;
  readonly unwrap?: UnwrapPolicy;
}): (body: string, attributeNames?: readonly string[]) => Parsed {
  const schema = createLoginSchema(options.accepts);
  const policy = options.unwrap ?? unwrapNothing;

  const readFields = (flat: ReadonlyMap<string, unknown>, hasMark: boolean): Parsed => {
    const known = countKnown(flat);
    if (known === 0) return reject("not_a_login");
    const result = schema.safeParse({
      user_id: flat.get("user_id"),
      device_type: flat.get("device_type"),
      ip: flat.get("ip"),
      device_id: flat.get("device_id"),
      locale: flat.get("locale"),
      app_version: flat.get("app_version"),
    } satisfies Record<keyof Login, unknown>);
    // Every check of the schema names its reason as the message of its issue.
    if (!result.success) return reject(result.error.issues[0]?.message as RejectionReason);
    const oddities = findOddities(result.data);
    if (hasMark) oddities.push("bom");
    return {
      kind: "login",
      login: toLogin(result.data),
      oddities,
      droppedFields: flat.size - known,
    };
  };

  return (body, attributeNames = []) => {
    if (isOffloaded(attributeNames)) return reject("payload_in_s3");
    const hasMark = body.startsWith(BYTE_ORDER_MARK);
    const document = readDocument(hasMark ? body.slice(1) : body);
    if (typeof document === "string") return reject(document);
    const message = unwrap(document.value, policy);
    if (typeof message === "string") return reject(message);
    const flat = flatten(message, FIELDS);
    return flat === null ? reject("ambiguous_path") : readFields(flat, hasMark);
  };
}

/** Fixed in shape and key order; nothing sent is null, whether absent or `""`. */
function toLogin(fields: LoginFields): Login {
  return {
    user_id: fields.user_id,
    device_type: fields.device_type,
    ip: fields.ip,
    device_id: fields.device_id,
    locale: fields.locale || null,
    app_version: fields.app_version || null,
  };
}

function countKnown(flat: ReadonlyMap<string, unknown>): number {
  let known = 0;
  for (const field of FIELDS) if (flat.has(field)) known++;
  return known;
}

function reject(reason: RejectionReason): Parsed {
  return { kind: "rejection", reason };
}
