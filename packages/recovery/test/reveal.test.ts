import { expect, test } from "vitest";
import { revealed } from "../src/reveal.ts";

test.for([
  ["ip/1", "199.172.111.135", "199.172.111.0/24"],
  ["ip/1", "::ffff:199.172.111.135", "199.172.111.0/24"],
  ["ip/1", "::FFFF:c7ac:6f87", "199.172.111.0/24"],
  ["ip/1", "0:0:0:0:0:ffff:199.172.111.135", "199.172.111.0/24"],
  ["ip/1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["ip/1", "2001:DB8::1", "2001:db8:0:0::/64"],
  ["ip/1", "::1", "0:0:0:0::/64"],
  ["exact/1", "593-47-5928", "…5928"],
  ["exact/1", "short", "…"],
] as const)("%s %s is partly %s", ([norm, value, part]) => {
  expect(revealed(norm, value, "partial")).toBe(part);
  expect(revealed(norm, value, "full")).toBe(value);
});
