import { expect, test } from "vitest";

import { meetsMessages } from "../src/faults/fail-in-turn.ts";

const message = { MessageId: "m" };

test("a fault of a receive that brings no message is no hit", () => {
  expect(meetsMessages({ kind: "lost_reply" }, { Messages: [] })).toBe(false);
  expect(meetsMessages({ kind: "lost_reply" }, { Messages: [message] })).toBe(true);
});

test("damage is a hit where it is done to a message that is handed out", () => {
  const damaged = { kind: "damaged", positions: [3, 1] } as const;
  expect(meetsMessages(damaged, { Messages: [message] })).toBe(false);
  expect(meetsMessages(damaged, { Messages: [message, message] })).toBe(true);
});

test("a request that is not carried out, or is no receive, is met in any case", () => {
  expect(meetsMessages({ kind: "dropped" }, null)).toBe(true);
  expect(meetsMessages({ kind: "undeleted" }, { Successful: [{ Id: "0" }] })).toBe(true);
});
