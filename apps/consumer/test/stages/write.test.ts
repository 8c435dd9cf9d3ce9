import { DatabaseError } from "@org/db/writer";
import type { WriteBatch } from "@org/db/writer";
import { expect, test } from "vitest";

import { createBreaker } from "../../src/breaker.ts";
import type { Item } from "../../src/model.ts";
import { createQuarantineItem, createRowItem } from "../items.ts";
import { type Database, openWrite, options } from "./writes.ts";

/** A database that meets each write with the next of these faults, and then takes all it is given. */
function createDatabase(...faults: DatabaseError[]): { port: Database; batches: WriteBatch[] } {
  const batches: WriteBatch[] = [];
  const port: Database = {
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

async function writeAll(port: Database, items: readonly Item[]): Promise<string[]> {
  const { durable } = await openWrite(port)(items, options);
  return durable.map(({ messageId }) => messageId);
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
  expect(written).toEqual(items.map(({ held }) => held.messageId));
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

test("the breaker is open while the database is away, and closed when the batch is through", async () => {
  const changes: boolean[] = [];
  const breaker = createBreaker((open) => changes.push(open));
  const { port } = createDatabase(fault({ timedOut: false }), fault({ timedOut: false }));
  await openWrite(port, { breaker })([createRowItem(0)], options);
  expect(changes).toEqual([true, false]);

  const giveUp = AbortSignal.timeout(10);
  const never: Database = {
    write: () => Promise.reject(fault({ timedOut: false })),
    probe: port.probe,
  };
  const { released } = await openWrite(never, { breaker })([createRowItem(1)], {
    ...options,
    giveUp,
  });
  expect(released).toHaveLength(1);
  expect(changes).toEqual([true, false, true, false]);
});

const refused = (): DatabaseError =>
  new DatabaseError("made up", {
    kind: "data",
    sqlState: "23502",
    constraint: null,
    systemCode: null,
  });

test("rows that a schema refused, and takes now that it was corrected amid them, are written", async () => {
  const items = Array.from({ length: 4 }, (_, index) => createRowItem(index));
  const rejected: string[] = [];
  // All four, the first two, the first and the second alone; then the column is dropped.
  const { port } = createDatabase(refused(), refused(), refused(), refused());
  const write = openWrite(port, { events: { refused: (id) => void rejected.push(id) } });
  const { durable, released } = await write(items, options);
  expect(rejected).toEqual([]);
  expect(released).toEqual([]);
  expect(new Set(durable)).toEqual(new Set(items.map(({ held }) => held)));
});

test("a row that is refused again, although others pass, is refused", async () => {
  const items = Array.from({ length: 2 }, (_, index) => createRowItem(index));
  const bad = items[1]?.held.messageId ?? "";
  const rejected: string[] = [];
  const port: Database = {
    async write(batch) {
      if (batch.rows.some(({ messageId }) => messageId === bad)) throw refused();
      return { written: batch.rows.length, quarantined: 0, duplicates: 0 };
    },
    async probe() {},
  };
  const write = openWrite(port, { events: { refused: (id) => void rejected.push(id) } });
  const { durable, released } = await write(items, options);
  expect(rejected).toEqual([bad]);
  expect([durable, released]).toEqual([[items[0]?.held], [items[1]?.held]]);
});
