import { toMessageUuid } from "@org/db";
import { expect, it } from "vitest";

it("keeps an SQS MessageId, in lower case", () => {
  expect(toMessageUuid("5FEA7756-0EA4-451A-A703-A558B933E274")).toBe(
    "5fea7756-0ea4-451a-a703-a558b933e274",
  );
});

it("keeps a UUID whose version or variant is none that RFC 9562 knows", () => {
  const id = "ffffffff-ffff-ffff-ffff-fffffffffff0";
  expect(toMessageUuid(id)).toBe(id);
});

it("maps any other id to a name-based UUID that never changes", () => {
  expect(toMessageUuid("message-1")).toBe("1ac6fcac-d780-5b77-bf20-155079fa77e6");
  expect(toMessageUuid("message-2")).not.toBe(toMessageUuid("message-1"));
  expect(toMessageUuid("Message-1")).not.toBe(toMessageUuid("message-1"));
});
