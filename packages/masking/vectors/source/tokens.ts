/** Tokens under a keyring with a key in each state. */

import { lengthPrefixed } from "../../src/format/bytes.ts";
import { canonicalize, type NormId } from "../../src/format/norms.ts";
import { resolveKeyring } from "../../src/node/resolve-keyring.ts";
import { createTokenizer } from "../../src/node/tokenizer.ts";
import { hex, inputInvalid, keyring, tenant } from "./fixtures.ts";

export async function tokenVectors(): Promise<unknown> {
  const resolved = await resolveKeyring(keyring, { env: {} });
  const cases: readonly { tenant: string; field: string; norm: NormId; value: string }[] = [
    { tenant, field: "ip", norm: "ip/1", value: "192.0.2.1" },
    { tenant, field: "ip", norm: "ip/1", value: "::ffff:c000:201" },
    { tenant, field: "ip", norm: "ip/1", value: "2001:db8::1" },
    { tenant, field: "last_ip", norm: "ip/1", value: "192.0.2.1" },
    { tenant: "other", field: "ip", norm: "ip/1", value: "192.0.2.1" },
    { tenant, field: "ip_network", norm: "ip-net/1", value: "192.0.2.1" },
    { tenant, field: "ip_network", norm: "ip-net/1", value: "2001:db8::1" },
    { tenant, field: "device_id", norm: "exact/1", value: "593-47-5928" },
    { tenant, field: "device_id", norm: "digits/1", value: "593-47-5928" },
    { tenant, field: "device_id", norm: "exact/1", value: "Ünïcödé 🔑" },
    { tenant, field: "device_id", norm: "uuid/1", value: "0190A0B0-7E1C-7C1E-8F6A-3F1D9A2B4C5D" },
    { tenant, field: "email", norm: "email/1", value: "Ann@Example.com" },
    { tenant, field: "phone", norm: "phone/1", value: "+44 20 7946 0018" },
  ];
  const good = "A".repeat(43);
  return {
    keyring,
    tokens: cases.map((one) => {
      const tokenizer = createTokenizer(resolved, {
        tenant: one.tenant,
        fields: { [one.field]: one.norm },
      });
      const { primaryKid } = tokenizer;
      return {
        ...one,
        primaryKid,
        fieldKeyInfo: hex(lengthPrefixed("mk1/field", one.tenant, one.field, primaryKid)),
        macInput: hex(lengthPrefixed("mk1/token", one.norm, canonicalize(one.norm, one.value))),
        token: tokenizer.tokenize(one.field, one.value),
        candidates: tokenizer.candidates(one.field, one.value),
      };
    }),
    refused: [
      { tenant, field: "ip", norm: "ip/1", value: "192.0.2.01", code: inputInvalid },
      { tenant: "", field: "ip", norm: "ip/1", value: "192.0.2.1", code: inputInvalid },
      { tenant: "a b", field: "ip", norm: "ip/1", value: "192.0.2.1", code: inputInvalid },
      { tenant, field: "ïp", norm: "ip/1", value: "192.0.2.1", code: inputInvalid },
    ],
    notTokens: [
      { name: "another version", text: `mk2.t1.${good}` },
      { name: "no kid", text: `mk1..${good}` },
      { name: "an upper-case kid", text: `mk1.T1.${good}` },
      { name: "a kid of 17 characters", text: `mk1.${"a".repeat(17)}.${good}` },
      { name: "a MAC of 31 bytes", text: `mk1.t1.${"A".repeat(42)}` },
      { name: "a MAC of 33 bytes", text: `mk1.t1.${"A".repeat(44)}` },
      { name: "padding", text: `mk1.t1.${good}=` },
      { name: "base64, not base64url", text: `mk1.t1.${"A".repeat(42)}/` },
      { name: "unused bits that are not zero", text: `mk1.t1.${"A".repeat(42)}B` },
      { name: "a line end", text: `mk1.t1.${good}\n` },
    ],
  };
}
