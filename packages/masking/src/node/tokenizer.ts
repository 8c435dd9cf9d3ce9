/** Tokens: values replaced by a keyed MAC. */

import { hkdfSync } from "node:crypto";
import { MaskingError } from "../errors.ts";
import { tokenKeysOf } from "../format/key-rules.ts";
import type { Keyring, TokenKey, Usable } from "../format/keys.ts";
import { checkLabel } from "../format/labels.ts";
import { checkNormId, type NormId } from "../format/norms.ts";
import { fieldKeyInfo, type Token, tokenInput, tokenStart } from "../format/token.ts";
import { type Hmac, openHmac } from "./hmac.ts";

/** Makes the tokens of one tenant's fields. */
export interface Tokenizer<Field extends string> {
  /** The kid that every new token carries. */
  readonly primaryKid: string;
  /**
   * Replaces a value by its token under the primary key.
   *
   * @throws {@link MaskingError} `ERR_MASKING_INPUT_INVALID` if the field's norm refuses the value,
   *   or the tokenizer has no such field.
   */
  readonly tokenize: (field: Field, value: string) => Token;
  /**
   * The tokens a value may be stored under: the primary key's first, then those of every other
   * usable key. Rows written while a key was rotated are found by matching any of them.
   *
   * @throws {@link MaskingError} as {@link tokenize} does.
   */
  readonly candidates: (field: Field, value: string) => Token[];
}

interface FieldKey {
  readonly start: string;
  readonly hmac: Hmac;
}

interface FieldRule {
  readonly norm: NormId;
  readonly primary: FieldKey;
  readonly others: readonly FieldKey[];
}

/**
 * Makes a tokenizer for the fields of one tenant.
 *
 * Equal values of one field get equal tokens. Tokens hide a value only from readers without the
 * key: there are 2^32 IPv4 addresses, and whoever holds the token key can try them all. Keep the
 * key away from the stored tokens.
 *
 * @param options.fields - Each field and its norm. One value in two fields gives unrelated tokens;
 *   for the network of an address, name a second field with the norm `ip-net/1`.
 * @throws {@link MaskingError} `ERR_MASKING_KEY_UNKNOWN` if no token key is primary;
 *   `ERR_MASKING_INPUT_INVALID` if a label or norm id is not one.
 *
 * @example
 * ```ts
 * import { createTokenizer } from "@org/masking";
 * import { generateKeyring, resolveKeyring } from "@org/masking/keyring";
 *
 * const keyring = await resolveKeyring(generateKeyring().keyring, { env: {} });
 * const tokenizer = createTokenizer(keyring, {
 *   tenant: "acme",
 *   fields: { ip: "ip/1", ip_network: "ip-net/1", email: "email/1" },
 * });
 *
 * const token = tokenizer.tokenize("ip", "::ffff:192.0.2.1");
 * console.log(token === tokenizer.tokenize("ip", "192.0.2.1")); // true
 * ```
 */
export function createTokenizer<Field extends string>(
  keyring: Pick<Keyring, "tokenKeys">,
  options: { readonly tenant: string; readonly fields: Readonly<Record<Field, NormId>> },
): Tokenizer<Field> {
  const tenant = checkLabel("tenant", options.tenant);
  const { primary, others } = tokenKeysOf(keyring);

  const rules = new Map<string, FieldRule>();
  for (const [field, norm] of Object.entries<NormId>(options.fields)) {
    rules.set(field, {
      norm: checkNormId(norm),
      primary: deriveFieldKey(primary, tenant, field),
      others: others.map((key) => deriveFieldKey(key, tenant, field)),
    });
  }

  function ruleOf(field: Field): FieldRule {
    const rule = rules.get(field);
    if (rule === undefined) {
      throw new MaskingError("ERR_MASKING_INPUT_INVALID", "The tokenizer has no such field.");
    }
    return rule;
  }

  return {
    primaryKid: primary.kid,
    tokenize(field, value) {
      const rule = ruleOf(field);
      const input = tokenInput(rule.norm, value);
      try {
        return mac(rule.primary, input);
      } finally {
        input.fill(0);
      }
    },
    candidates(field, value) {
      const rule = ruleOf(field);
      const input = tokenInput(rule.norm, value);
      try {
        return [rule.primary, ...rule.others].map((key) => mac(key, input));
      } finally {
        input.fill(0);
      }
    },
  };
}

/** HKDF-SHA-256 (RFC 5869) with an empty salt. */
function deriveFieldKey(
  { kid, secret }: Usable<TokenKey>,
  tenant: string,
  field: string,
): FieldKey {
  const info = fieldKeyInfo(tenant, field, kid);
  const raw = Buffer.from(hkdfSync("sha256", secret, "", info, 32));
  const hmac = openHmac("sha256", raw);
  raw.fill(0);
  return { start: tokenStart(kid), hmac };
}

function mac({ start, hmac }: FieldKey, input: Uint8Array): Token {
  return (start + hmac.digest([input], "base64url")) as Token;
}
