import { expect, test } from "vitest";
import { revealed } from "../src/reveal.ts";

test.for([
  ["ip", "199.172.111.135", "199.172.111.0/24"],
  ["ip", "::ffff:199.172.111.135", "199.172.111.0/24"],
  ["ip", "::FFFF:c7ac:6f87", "199.172.111.0/24"],
  ["ip", "0:0:0:0:0:ffff:199.172.111.135", "199.172.111.0/24"],
  ["ip", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["ip", "2001:DB8::1", "2001:db8:0:0::/64"],
  ["ip", "::1", "0:0:0:0::/64"],
  ["device_id", "593-47-5928", "…5928"],
  ["device_id", "short", "…"],
] as const)("%s %s is partly %s", ([field, value, part]) => {
  expect(revealed(field, value, "partial")).toBe(part);
  expect(revealed(field, value, "full")).toBe(value);
});
