import { type FieldPolicy, fieldPolicy, type Login, type MaskedField } from "@org/schema";
import { expect, expectTypeOf, it } from "vitest";

interface LoginWithEmail extends Login {
  readonly email: string;
}

it("does not compile while a field of the message has no policy", () => {
  // @ts-expect-error -- the policy of `email` is missing.
  const incomplete: Record<keyof LoginWithEmail, FieldPolicy> = fieldPolicy;
  expect(Object.keys(incomplete)).not.toContain("email");
});

it("masks ip and device_id", () => {
  expectTypeOf<MaskedField>().toEqualTypeOf<"ip" | "device_id">();
  const masked = Object.entries(fieldPolicy).filter(([, policy]) => policy.kind === "masked");
  expect(masked).toEqual([
    ["ip", { kind: "masked", norm: "ip/1" }],
    ["device_id", { kind: "masked", norm: "exact/1" }],
  ]);
});
