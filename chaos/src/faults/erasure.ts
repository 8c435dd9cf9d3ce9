/** What is erased while consumers write, and while somebody still sees it as it was. */
import { randomBytes, randomUUID } from "node:crypto";

import { connectRecovery } from "@org/db";
import type { Answer, Recovery } from "@org/db";
import { Client } from "pg";

import { messagesOf } from "../stage.ts";
import type { Stage } from "../stage.ts";
import type { FaultDefinition, Scene } from "../scene.ts";

const enough = 10;
/** Few enough for one approval. */
const erasedRows = 50;

export const erasedUnderSnapshot: FaultDefinition = {
  name: "erased_under_snapshot",
  what: "rows are erased while a snapshot still shows them and their messages come again",
  enough,
  needsVault: true,
  needsHostileServer: true,
  async strike(scene) {
    const { stage, fleet, until, expect, hits } = scene;
    await fleet.untilReady();
    await using people = await openPeople(stage);
    comeAgain(scene);
    const rows = await rowsOf(scene);
    await using snapshot = await holdSnapshot(stage, rows);

    const claim = await erase(people, stage.contract.name, rows);
    for (const { messageId } of rows) stage.erased.add(messageId);
    expect(await people.isHeld(claim), "no word of the snapshot that keeps what was erased");
    expect(await snapshot.shows(), "the snapshot showed nothing that was erased");
    await until("erased messages came again", () => hits() >= enough);
    await snapshot.end();
    await until("no snapshot keeps what was erased", async () => !(await people.isHeld(claim)));
    stage.hooks = {};
  },
};

/** No delete takes effect; each erased message that comes again is a hit. */
function comeAgain({ stage, hit }: Scene): void {
  stage.hooks = {
    request: ({ operation }, consumer) =>
      operation === "DeleteMessageBatch" && consumer !== null ? { kind: "undeleted" } : null,
    answered(_request, consumer, answer) {
      if (consumer === null) return;
      for (const message of messagesOf(answer)) {
        if (stage.erased.has((message as { MessageId: string }).MessageId)) hit();
      }
    },
  };
}

interface ErasableRow {
  readonly messageId: string;
  readonly recordId: string;
}

/** Of messages of this scene. */
async function rowsOf({ stage, producer, until }: Scene): Promise<readonly ErasableRow[]> {
  let rows: readonly ErasableRow[] = [];
  await until("enough rows to erase were written", async () => {
    rows = await stage.query<ErasableRow & Record<string, unknown>>(
      `SELECT message_id AS "messageId", record_id AS "recordId" FROM ${stage.contract.table}
        WHERE message_id = ANY ($1::uuid[]) LIMIT ${erasedRows}`,
      [producer.sent.map(({ messageId }) => messageId)],
    );
    return rows.length === erasedRows;
  });
  return rows;
}

interface Snapshot extends AsyncDisposable {
  /** Whether what was erased meanwhile is in it. */
  readonly shows: () => Promise<boolean>;
  readonly end: () => Promise<void>;
}

async function holdSnapshot(stage: Stage, rows: readonly ErasableRow[]): Promise<Snapshot> {
  const client = new Client({ connectionString: stage.database.adminUrl });
  await client.connect();
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  const ids = rows.map(({ recordId }) => recordId);
  const shows = async (): Promise<boolean> => {
    const text = "SELECT FROM maskline.seed WHERE record_id = ANY ($1::uuid[])";
    return (await client.query(text, [ids])).rowCount === rows.length;
  };
  await shows();
  let ended: Promise<void> | null = null;
  const end = (): Promise<void> => (ended ??= client.end());
  return { shows, end, [Symbol.asyncDispose]: end };
}

/** Who erases and who approves. */
interface People extends AsyncDisposable {
  readonly custodian: Recovery;
  readonly approver: Recovery;
  readonly approverLogin: string;
  /** Whether the custodian is told that a snapshot keeps what was erased. */
  readonly isHeld: (claim: string) => Promise<boolean>;
}

async function openPeople({ database }: Stage): Promise<People> {
  await using opening = new AsyncDisposableStack();
  const open = (connectionString: string): Recovery =>
    opening.use(connectRecovery({ connectionString }));
  const custodian = open(await database.createLogin("maskline_custodian"));
  const approverUrl = await database.createLogin("maskline_approver");
  const approver = open(approverUrl);
  const opened = opening.move();
  return {
    custodian,
    approver,
    approverLogin: new URL(approverUrl).username,
    async isHeld(claim) {
      const places = await custodian.erasure.ofClaim(claim);
      return places.some(({ place, reason }) => place === "snapshots" && reason === "held");
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** As `recover` does, but for the signatures: those it makes and checks itself. Resolves with the claim. */
async function erase(
  { custodian, approver, approverLogin }: People,
  contract: string,
  rows: readonly ErasableRow[],
): Promise<string> {
  const { grant } = granted(
    await custodian.grants.request({
      tenant: "default",
      contract,
      capability: "erase",
      fields: [],
      selector: { kind: "records", ids: rows.map(({ recordId }) => recordId) },
      purpose: "chaos",
      ticket: "CH-1",
      justification: "chaos",
      reveal: "full",
      maxRecords: null,
      minutes: 60,
    }),
  );
  granted(
    await approver.grants.decide(grant, {
      decision: "approve",
      keyId: "0123456789abcdef",
      signature: randomBytes(64),
      login: approverLogin,
    }),
  );
  const claim = randomUUID();
  granted(await custodian.work.claim({ grant, capability: "erase", claim }));
  while (!(await custodian.work.eraseNext({ claim, limit: erasedRows })).isDone);
  return claim;
}

function granted<T extends object>(answer: Answer<T>): T {
  if ("refused" in answer) throw new Error(`An erasure was refused: ${answer.refused}.`);
  return answer;
}
