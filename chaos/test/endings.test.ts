import { expect, test } from "vitest";

import { countEndings } from "../src/endings.ts";

const login = { messageId: "login", due: "row" } as const;
const poison = { messageId: "poison", due: "quarantine" } as const;
const sent = [login, poison];
const nowhere = { decided: [], deadLetters: new Set<string>(), fifo: false, vault: true };
const allDead = { ...nowhere, deadLetters: new Set(["login", "poison"]) };

test("a message with a row or a quarantine record is neither lost nor dead-lettered, wherever else it is", () => {
  const decided = ["login", "poison"];
  const endings = { deadLettered: 0, lost: 0, doubled: 0 };
  expect(countEndings(sent, { ...nowhere, decided })).toEqual(endings);
  expect(countEndings(sent, { ...allDead, decided })).toEqual(endings);
});

test("a message that is nowhere is lost, one decided twice is doubled", () => {
  expect(countEndings(sent, nowhere)).toMatchObject({ lost: 2, doubled: 0 });
  const decided = ["login", "poison", "login"];
  expect(countEndings(sent, { ...nowhere, decided })).toMatchObject({ lost: 0, doubled: 1 });
});

test.each([
  { fifo: false, vault: true, deadLettered: 0, lost: 2 },
  { fifo: true, vault: true, deadLettered: 0, lost: 2 },
  { fifo: false, vault: false, deadLettered: 1, lost: 1 },
  // Behind the poison of its group, the login is received again with it until its receives are spent.
  { fifo: true, vault: false, deadLettered: 2, lost: 0 },
])(
  "a message that is only in the dead-letter queue is lost, unless the design lets it end there (FIFO $fifo, vault $vault)",
  ({ fifo, vault, deadLettered, lost }) => {
    expect(countEndings(sent, { ...allDead, fifo, vault })).toMatchObject({ deadLettered, lost });
  },
);
