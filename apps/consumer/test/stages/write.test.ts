import { DatabaseError } from "@org/db/writer";
import type { WriteBatch } from "@org/db/writer";
import { expect, test } from "vitest";

import { createBreaker } from "../../src/breaker.ts";
import type { Item } from "../../src/model.ts";
import { createWrite } from "../../src/stages/write.ts";
import type { WritePort } from "../../src/stages/write.ts";
import { createLoginItem, createQuarantineItem } from "../items.ts";

const ignoreEvents = { wrote() {}, failed() {}, refused() {}, schemaFault() {} };
const options = { batchKeys: [], quarantine: null, giveUp: new AbortController().signal };

/** A database that meets each write with the next of these faults, and then takes all it is given. */
function createDatabase(...faults: DatabaseError[]): { port: WritePort; batches: WriteBatch[] } {
  const batches: WriteBatch[] = [];
  const port: WritePort = {
    async write(batch) {
      batches.push(batch);
      const fault = faults.shift();
      if (fault) throw fault;
      return { written: 0, quarantined: batch.quarantined.length, duplicates: 0 };
    },
    async probe() {},
  };
  return { port, batches };
}

async function writeAll(port: WritePort, items: readonly Item[]): Promise<string[]> {
  const write = createWrite({ database: port, breaker: createBreaker(() => {}) }, ignoreEvents);
  const { settled } = await write(items, options);
  return settled.map(({ envelope }) => envelope.messageId);
}

function fault({ timedOut }: { timedOut: boolean }): DatabaseError {
  const from = { sqlState: null, constraint: null, systemCode: null };
  return new DatabaseError("made up", { kind: "transient", ...from, timedOut });
}

const sizes = (batches: readonly WriteBatch[]): number[] =>
  batches.map(({ quarantined }) => quarantined.length);

test("a batch is one statement, and all its messages are written, in order", async () => {
  const items = Array.from({ length: 40 }, (_, index) => createQuarantineItem(index, 1_024));
  const { port, batches } = createDatabase();
  const written = await writeAll(port, items);
  expect(written).toEqual(items.map(({ held }) => held.envelope.messageId));
  expect(sizes(batches)).toEqual([40]);
});

test("statements that time out at the client are halved, a connection that cannot be had is not", async () => {
  const items = Array.from({ length: 4 }, (_, index) => createQuarantineItem(index, 1_024));
  const tooSlow = createDatabase(fault({ timedOut: true }), fault({ timedOut: true }));
  await writeAll(tooSlow.port, items);
  expect(sizes(tooSlow.batches)).toEqual([4, 4, 2, 2]);

  const away = createDatabase(fault({ timedOut: true }), fault({ timedOut: false }));
  await writeAll(away.port, items);
  expect(sizes(away.batches)).toEqual([4, 4, 4]);
});

const refused = (): DatabaseError =>
  new DatabaseError("made up", {
    kind: "data",
    sqlState: "23502",
    constraint: null,
    systemCode: null,
  });

test("rows that a schema refused, and takes now that it was mended amid them, are written", async () => {
  const items = Array.from({ length: 4 }, (_, index) => createLoginItem(index));
  const rejected: string[] = [];
  const events = { ...ignoreEvents, refused: (id: string) => rejected.push(id) };
  // All four, the first two, the first and the second alone; then the column is dropped.
  const { port } = createDatabase(refused(), refused(), refused(), refused());
  const write = createWrite({ database: port, breaker: createBreaker(() => {}) }, events);
  const { settled, returned } = await write(items, options);
  expect(rejected).toEqual([]);
  expect(returned).toEqual([]);
  expect(new Set(settled)).toEqual(new Set(items.map(({ held }) => held)));
});

test("a row that is refused again, although others pass, is refused", async () => {
  const items = Array.from({ length: 2 }, (_, index) => createLoginItem(index));
  const bad = items[1]?.held.envelope.messageId ?? "";
  const rejected: string[] = [];
  const events = { ...ignoreEvents, refused: (id: string) => rejected.push(id) };
  const port: WritePort = {
    async write(batch) {
      if (batch.logins.some(({ messageId }) => messageId === bad)) throw refused();
      return { written: batch.logins.length, quarantined: 0, duplicates: 0 };
    },
    async probe() {},
  };
  const write = createWrite({ database: port, breaker: createBreaker(() => {}) }, events);
  const { settled, returned } = await write(items, options);
  expect(rejected).toEqual([bad]);
  expect([settled, returned]).toEqual([[items[0]?.held], [items[1]?.held]]);
});
