/** Tokens: values replaced by a keyed MAC. */

import { MaskingError } from "../errors.ts";
import { encodeBase64url } from "../format/base64url.ts";
import { tokenKeysOf } from "../format/key-rules.ts";
import type { TokenKeyOf, Usable } from "../format/keys.ts";
import { checkLabel } from "../format/labels.ts";
import { checkNormId, type NormId } from "../format/norms.ts";
import { fieldKeyInfo, type Token, tokenInput, tokenStart } from "../format/token.ts";
import type { Keyring } from "./keyring.ts";
import { hmac, type WebKey } from "./web-key.ts";

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
  tokenize(field: Field, value: string): Promise<Token>;
  /**
   * The tokens a value may be stored under: the primary key's first, then those of every other
   * usable key.
   *
   * @throws {@link MaskingError} as {@link tokenize} does.
   */
  candidates(field: Field, value: string): Promise<Token[]>;
}

interface FieldKey {
  readonly start: string;
  readonly key: WebKey;
}

interface FieldRule {
  readonly norm: NormId;
  readonly primary: FieldKey;
  readonly others: readonly FieldKey[];
}

/**
 * Makes a tokenizer for the fields of one tenant; the tokens are those of `createTokenizer` of
 * `@org/masking`.
 *
 * Tokens hide a value only from readers without the key: there are 2^32 IPv4 addresses, and whoever
 * holds the token key can try them all. A browser is such a holder: send it no token key of a
 * server's.
 *
 * @param options.fields - Each field and its norm. One value in two fields gives unrelated tokens.
 * @throws {@link MaskingError} `ERR_MASKING_KEY_UNKNOWN` if no token key is primary;
 *   `ERR_MASKING_INPUT_INVALID` if a label or norm id is not one.
 *
 * @example
 * ```ts
 * import { createTokenizer, generateKeyring, resolveKeyring } from "@org/masking/web";
 *
 * const keyring = await resolveKeyring((await generateKeyring()).keyring);
 * const tokenizer = await createTokenizer(keyring, { tenant: "acme", fields: { ip: "ip/1" } });
 * const token = await tokenizer.tokenize("ip", "::ffff:192.0.2.1");
 * console.log(token === (await tokenizer.tokenize("ip", "192.0.2.1"))); // true
 * ```
 */
export async function createTokenizer<Field extends string>(
  keyring: Pick<Keyring, "tokenKeys">,
  options: { readonly tenant: string; readonly fields: Readonly<Record<Field, NormId>> },
): Promise<Tokenizer<Field>> {
  const tenant = checkLabel("tenant", options.tenant);
  const { primary, others } = tokenKeysOf(keyring);

  const rules = new Map<string, FieldRule>();
  for (const [field, norm] of Object.entries<NormId>(options.fields)) {
    rules.set(field, {
      norm: checkNormId(norm),
      primary: await deriveFieldKey(primary, tenant, field),
      others: await Promise.all(others.map((key) => deriveFieldKey(key, tenant, field))),
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
    async tokenize(field, value) {
      const { norm, primary: key } = ruleOf(field);
      const input = tokenInput(norm, value);
      try {
        return await mac(key, input);
      } finally {
        input.fill(0);
      }
    },
    async candidates(field, value) {
      const { norm, primary: first, others: rest } = ruleOf(field);
      const input = tokenInput(norm, value);
      try {
        return await Promise.all([first, ...rest].map((key) => mac(key, input)));
      } finally {
        input.fill(0);
      }
    },
  };
}

/** HKDF-SHA-256 (RFC 5869) with an empty salt. */
async function deriveFieldKey(
  { kid, secret }: Usable<TokenKeyOf<WebKey>>,
  tenant: string,
  field: string,
): Promise<FieldKey> {
  const key = await crypto.subtle.deriveKey(
    {
      name: "HKDF",
      hash: "SHA-256",
      salt: new Uint8Array(0),
      info: fieldKeyInfo(tenant, field, kid),
    },
    secret,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign"],
  );
  return { start: tokenStart(kid), key };
}

async function mac({ start, key }: FieldKey, input: Uint8Array): Promise<Token> {
  return (start + encodeBase64url(await hmac(key, input))) as Token;
}
