/** A write stage with nothing of a consumer around it but what its tests look at. */
import { createBreaker } from "../../src/breaker.ts";
import type { Breaker } from "../../src/breaker.ts";
import { createOpenCommit } from "../../src/stages/commit.ts";
import type { CommitEvents, CommitPort } from "../../src/stages/commit.ts";
import { createWrite } from "../../src/stages/write.ts";
import type { Write, WriteEvents, WriteOptions } from "../../src/stages/write.ts";

const ignoreEvents = { wrote() {}, failed() {}, refused() {}, schemaFault() {} };

export const options: WriteOptions = {
  batchKeys: [],
  quarantine: null,
  giveUp: new AbortController().signal,
};

export interface Database extends CommitPort {
  readonly probe: () => Promise<void>;
}

export function openWrite(
  database: Database,
  {
    events,
    breaker = createBreaker(() => {}),
  }: { events?: Partial<WriteEvents & CommitEvents>; breaker?: Breaker } = {},
): Write {
  const told = { ...ignoreEvents, ...events };
  const openCommit = createOpenCommit({ database, breaker }, told);
  return createWrite({ openCommit, probe: database.probe, breaker }, told);
}
