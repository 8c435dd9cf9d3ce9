/** What does not compile. The functions here are compiled, and never called. */
import type { Token } from "@org/masking";
import {
  type AnyContract,
  createParser,
  createToRow,
  defineContract,
  integer,
  masked,
  type MaskedField,
  type MessageOf,
  optional,
  type Parsed,
  type RowOf,
  type RowTokenizer,
  subject,
  text,
  type TokenField,
} from "@org/schema";
import { expect, expectTypeOf, it } from "vitest";

import type { orders } from "../../../examples/orders.contract.ts";
import type { torture } from "./torture.contract.ts";

const parcels = defineContract({
  table: "parcels",
  fields: {
    person: subject(text({ max: 8 })),
    address: masked("ip/1"),
    email: masked("email/1"),
    remark: optional(text({ max: 8, column: "remark_text" })),
  },
  computed: { remark: { type: integer(), from: ({ remark }) => remark?.length } },
});

type Parcels = typeof parcels;
type Torture = typeof torture;

it("infers a message, field by field", () => {
  expectTypeOf<MessageOf<Parcels>>().toEqualTypeOf<{
    readonly person: string;
    readonly address: string;
    readonly email: string;
    readonly remark: string | null;
  }>();
  expectTypeOf<MessageOf<Torture>["big"]>().toEqualTypeOf<bigint>();
  expectTypeOf<MessageOf<Torture>["big_opt"]>().toEqualTypeOf<bigint | null>();
  expectTypeOf<MessageOf<Torture>["price"]>().toEqualTypeOf<string>();
  expectTypeOf<MessageOf<Torture>["flag_opt"]>().toEqualTypeOf<boolean | null>();
});

it("infers what a contract nests by its flattened names", () => {
  expectTypeOf<MessageOf<typeof orders>["shipping_name"]>().toEqualTypeOf<string>();
  expectTypeOf<RowOf<typeof orders>["masked_shipping_phone"]>().toEqualTypeOf<Token | null>();
  expectTypeOf<MaskedField<typeof orders>>().toEqualTypeOf<
    "email" | "shipping_name" | "shipping_phone"
  >();
  expectTypeOf<RowOf<Torture>["deep_token"]>().toEqualTypeOf<Token>();
});

it("infers a row, column by column", () => {
  expectTypeOf<RowOf<Parcels>>().toEqualTypeOf<{
    readonly person: string;
    readonly masked_address: Token;
    readonly masked_email: Token;
    readonly remark: number | null;
    readonly remark_text: string | null;
  }>();
  expectTypeOf<RowOf<Torture>["person_token"]>().toEqualTypeOf<Token>();
  expectTypeOf<RowOf<Torture>["select"]>().toEqualTypeOf<bigint | null>();
  expectTypeOf<RowOf<Torture>["masked_network"]>().toEqualTypeOf<Token>();
  expectTypeOf<RowOf<Torture>["masked_network_opt"]>().toEqualTypeOf<Token | null>();
  expectTypeOf<RowOf<Torture>["price_copy"]>().toEqualTypeOf<string | null>();
});

it("knows nothing of a contract that is loaded", () => {
  type Some = Readonly<Record<string, string | number | bigint | boolean | null>>;
  expectTypeOf<MessageOf<AnyContract>>().toEqualTypeOf<Some>();
  expectTypeOf<RowOf<AnyContract>>().toEqualTypeOf<Some>();
  expectTypeOf<TokenField<AnyContract>>().toEqualTypeOf<string>();
  expectTypeOf<Parcels>().toExtend<AnyContract>();
  expectTypeOf<Torture>().toExtend<AnyContract>();
});

it("infers what can be masked", () => {
  expectTypeOf<MaskedField<Parcels>>().toEqualTypeOf<"address" | "email">();
  expectTypeOf<TokenField<Parcels>>().toEqualTypeOf<"address" | "email">();
  expectTypeOf<Extract<TokenField<Torture>, `network${string}`>>().toEqualTypeOf<
    "network" | "network_opt"
  >();
  expectTypeOf<Extract<MaskedField<Torture>, `network${string}`>>().toBeNever();
});

it("infers what a parser and a masker take and give", () => {
  expectTypeOf(createParser<Parcels>).returns.returns.toEqualTypeOf<Parsed<MessageOf<Parcels>>>();
  expectTypeOf(createToRow<Parcels>)
    .returns.returns.toHaveProperty("columns")
    .toEqualTypeOf<RowOf<Parcels>>();
});

it("does not compile plaintext in a masked column", () => {
  const message = { address: "192.0.2.1" } as MessageOf<Parcels>;
  // @ts-expect-error -- an address is no token.
  const masked_address: RowOf<Parcels>["masked_address"] = message.address;
  expect(masked_address).toBe(message.address);
});

it("does not compile a tokenizer that lacks a field", () => {
  const lacking = { tokenize: (_field: "address", _value: string) => "" as Token };
  // @ts-expect-error -- it makes no token of email.
  const tokenizer: RowTokenizer<TokenField<Parcels>> = lacking;
  expect(tokenizer).toBe(lacking);
});

it("does not compile what no contract can hold", () => {
  const person = subject(text({ max: 1 }));
  const contracts = [
    // @ts-expect-error -- a field without a policy.
    () => defineContract({ table: "rows", fields: { person, email: "text" } }),
    // @ts-expect-error -- text without a bound.
    () => text({}),
    // @ts-expect-error -- a norm that is none.
    () => masked("email/7"),
    // @ts-expect-error -- a subject that may be absent.
    () => subject(optional(text({ max: 1 }))),
    // @ts-expect-error -- the same.
    () => optional(subject(text({ max: 1 }))),
    () =>
      defineContract({
        table: "rows",
        fields: { person, ip: masked("ip/1") },
        // @ts-expect-error -- plaintext that is stored as a token alone.
        computed: { copy: { type: text({ max: 9 }), from: ({ ip }) => ip } },
      }),
    () =>
      defineContract({
        table: "rows",
        fields: { person },
        // @ts-expect-error -- a text in a column of integers.
        computed: { copy: { type: integer(), from: ({ person }) => person } },
      }),
  ];
  expect(contracts).toHaveLength(7);
});
