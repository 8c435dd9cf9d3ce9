/** `pnpm drill restore`: the database is destroyed under load, restored to a point in time, and put in order. */
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { Query } from "@org/chaos/database";
import type { Fleet } from "@org/chaos/fleet";
import {
  type BaseBackup,
  type LocalPostgres,
  openServerDirectory,
  startPostgres,
  takeBaseBackup,
} from "@org/local";
import { account } from "./account.ts";
import type { Claims } from "./claims.ts";
import {
  acceptRestore,
  countDecided,
  type DrillDatabase,
  type DrillOptions,
  findUndecided,
  type Ground,
  makeDatabase,
  openGround,
  queryAt,
  tellsOfRestore,
} from "./ground.ts";
import { hireStaff, type Staff } from "./staff.ts";

const settings = { track_commit_timestamp: "on" };
/** How many messages have to be decided before something is done next. */
const step = 600;
const erasedEach = 5;
/** How long messages come in while there is no database. */
const outageMs = 1_000;

/** What is known of the database when it is destroyed; most of it by the drill alone. */
interface Lost {
  readonly backup: BaseBackup;
  /** As PostgreSQL writes a time. */
  readonly recoveryPoint: string;
  /** Messages that were committed by then. */
  readonly committed: readonly string[];
  readonly erasedBefore: readonly ErasedRow[];
  readonly erasedAfter: readonly ErasedRow[];
  /** What `recover erasure list` printed last, kept outside. */
  readonly erasures: readonly string[];
}

interface ErasedRow {
  readonly recordId: string;
  readonly messageId: string;
}

interface Scene {
  readonly ground: Ground;
  readonly claims: Claims;
  readonly database: DrillDatabase;
  readonly fleet: Fleet;
  readonly staff: Staff;
  readonly ask: Query;
}

export async function restore(options: DrillOptions): Promise<void> {
  const { claims, signal } = options;
  await using opening = new AsyncDisposableStack();
  const ground = opening.use(await openGround(options));
  const { path: archive } = opening.use(await openServerDirectory());
  const original = opening.use(await startPostgres({ settings: archiving(archive) }));
  const database = await makeDatabase(original, ground.contract);
  const fleet = await ground.startConsumer(database.writerUrl);
  const staff = await hireStaff(ground, database);
  const scene = { ground, claims, database, fleet, staff, ask: queryAt(database.adminUrl) };

  const lost = await live(scene, original);
  await destroy(scene, original);
  opening.use(
    await startPostgres({
      port: original.port,
      settings: { ...settings, ...recovering(archive, lost.recoveryPoint) },
      from: { ...lost.backup, as: "recovery" },
    }),
  );
  await ground.until("the recovery point is reached", async () => {
    const [row] = await scene.ask<{ ended: boolean }>("SELECT NOT pg_is_in_recovery() AS ended");
    return row?.ended === true;
  });
  claims.note("recovery_point", lost.recoveryPoint, `recovery point: ${lost.recoveryPoint}`);
  await checkRestored(scene, lost);
  const gap = await findGap(scene);
  await consumeTheRest(scene);
  await continueAudit(scene);
  await repeatErasures(scene, lost);
  await account(ground, claims, {
    ask: scene.ask,
    due: ground.producer.sent.filter(({ messageId }) => !gap.has(messageId)),
    erased: new Set([...lost.erasedBefore, ...lost.erasedAfter].map(({ messageId }) => messageId)),
    named: "every message but those of the gap",
  });
  await acceptRestore(ground, database.adminUrl, signal);
  claims.check(
    "it does not any more after pnpm migrate --accept-restore",
    !(await tellsOfRestore(ground, fleet, database.writerUrl)),
  );
}

function archiving(archive: string): Record<string, string> {
  const archive_command = `test ! -f ${archive}/%f && cp %p ${archive}/%f`;
  return { ...settings, archive_mode: "on", archive_command };
}

function recovering(archive: string, time: string): Record<string, string> {
  return {
    restore_command: `cp ${archive}/%f %p`,
    recovery_target_time: time,
    recovery_target_action: "promote",
  };
}

/** Messages, a base backup, erasures before the recovery point and after it. */
async function live({ ground, claims, staff, ask }: Scene, original: LocalPostgres): Promise<Lost> {
  const { producer, until, directory, contract } = ground;
  const untilMore = async (): Promise<void> => {
    const from = await countDecided(ask);
    await until("messages flow", async () => (await countDecided(ask)) >= from + step);
  };
  producer.begin();
  await untilMore();
  const before = await countDecided(ask);
  const backup = await takeBaseBackup(original, join(directory, "base"));
  const during = (await countDecided(ask)) - before;
  claims.check(`a base backup was taken while ${during} messages were committed`, during > 0);

  const rows = await ask<ErasedRow & Record<string, unknown>>(
    `SELECT record_id AS "recordId", message_id AS "messageId" FROM ${contract.table}
      ORDER BY record_id LIMIT ${2 * erasedEach}`,
  );
  const [erasedBefore, erasedAfter] = [rows.slice(0, erasedEach), rows.slice(erasedEach)];
  await staff.erase(erasedBefore.map(({ recordId }) => recordId));
  const [now] = await ask<{ now: string }>("SELECT clock_timestamp()::text AS now");
  const recoveryPoint = now?.now ?? "";
  await staff.erase(erasedAfter.map(({ recordId }) => recordId));
  const erasures = await staff.listErasures();
  await untilMore();
  await untilArchived(ground, ask);
  const committed = await ask<{ message_id: string }>(
    "SELECT message_id FROM maskline.ledger WHERE pg_xact_commit_timestamp(xmin) <= $1::timestamptz",
    [recoveryPoint],
  );
  return {
    backup,
    recoveryPoint,
    committed: committed.map(({ message_id }) => message_id),
    erasedBefore,
    erasedAfter,
    erasures,
  };
}

/** Until the archive has all WAL up to this moment. */
async function untilArchived({ until }: Ground, ask: Query): Promise<void> {
  const [last] = await ask<{ file: string }>("SELECT pg_walfile_name(pg_switch_wal()) AS file");
  await until("WAL is archived", async () => {
    const [row] = await ask<{ file: string | null }>(
      "SELECT last_archived_wal AS file FROM pg_stat_archiver",
    );
    return (row?.file ?? "") >= (last?.file ?? "");
  });
}

/** Messages come in all the while. */
async function destroy({ ground, claims, fleet }: Scene, original: LocalPostgres): Promise<void> {
  await original.stop("kill");
  await original[Symbol.asyncDispose]();
  await sleep(outageMs);
  await ground.producer.pause();
  const { code } = await fleet.terminate(0);
  const waiting = ground.server.messageIds(ground.queueUrl).length;
  claims.check(
    `the database is gone, by a SIGKILL and with its files, when ${ground.deleted.size} messages are deleted from the queue and ${waiting} are in it`,
    code === 0 && waiting > 0,
  );
}

async function checkRestored(scene: Scene, lost: Lost): Promise<void> {
  const { ground, claims, fleet, database, ask } = scene;
  const restored = await countDecided(ask);
  const missing = await findUndecided(ask, lost.committed);
  claims.check(
    `restored are the ${lost.committed.length} messages that were committed by then: ${missing.length} missing, ${restored - lost.committed.length + missing.length} others`,
    missing.length === 0 && restored === lost.committed.length,
  );
  claims.check(
    `what was erased before it is erased: ${lost.erasedBefore.length} records without a seed`,
    (await countSeeds(ask, lost.erasedBefore)) === 0,
  );
  claims.check(
    "--check tells that the database goes on from a backup",
    await tellsOfRestore(ground, fleet, database.writerUrl),
  );
}

async function countSeeds(ask: Query, rows: readonly ErasedRow[]): Promise<number> {
  const seeds = await ask("SELECT FROM maskline.seed WHERE record_id = ANY ($1::uuid[])", [
    rows.map(({ recordId }) => recordId),
  ]);
  return seeds.length;
}

/** Messages that are neither in the database nor in the queue any more. */
async function findGap({ ground, claims, ask }: Scene): Promise<ReadonlySet<string>> {
  const gap = new Set(await findUndecided(ask, ground.deleted));
  const sent = ground.producer.sent.map(({ messageId }) => messageId);
  const waiting = new Set(ground.server.messageIds(ground.queueUrl));
  const undecided = await findUndecided(ask, sent);
  const nowhere = undecided.filter((id) => !gap.has(id) && !waiting.has(id));
  claims.note(
    "gap",
    [...gap],
    `gap: ${gap.size} messages were deleted from the queue and are not in the database. The drill knows`,
  );
  claims.note(
    "gap_known_by",
    "the producer",
    `their ids because it sent them (--json has all); in production only their producer does.`,
  );
  claims.check(
    `whatever else was sent and is not restored, the queue still holds: ${undecided.length - gap.size} messages, ${nowhere.length} missing`,
    gap.size > 0 && nowhere.length === 0,
  );
  return gap;
}

async function consumeTheRest({ ground, claims, fleet }: Scene): Promise<void> {
  fleet.start(0);
  await ground.until(
    "the queue is empty",
    () => ground.server.messageIds(ground.queueUrl).length === 0,
  );
  claims.check(
    "the consumer was started on the restored database and emptied the queue",
    fleet.crashes.length === 0,
  );
}

/** docs/operations/restore.md, "After a restore", step 3. */
async function continueAudit({ claims, staff }: Scene): Promise<void> {
  const fault = await staff.verifyAudit();
  claims.check(
    `beside its old checkpoints the audit is cut off at row ${fault?.seq}, and exits 30`,
    fault?.kind === "cut_off",
  );
  const copied = await staff.moveCheckpoints((fault?.seq ?? 1) - 1);
  const after = await staff.verifyAudit();
  claims.check(
    `in a new place, with ${copied} checkpoints of the rows that it has, it is whole`,
    after === null,
  );
}

async function repeatErasures({ claims, staff, ask }: Scene, lost: Lost): Promise<void> {
  const known = new Set(await staff.listErasures());
  const again = lost.erasures.filter((record) => !known.has(record));
  claims.note("erasures_to_repeat", again, `erasures to repeat: ${again.join(", ")}`);
  const due = new Set(lost.erasedAfter.map(({ recordId }) => recordId));
  claims.check(
    `these are the ${due.size} records that were erased after the recovery point, and are back`,
    again.length === due.size &&
      again.every((record) => due.has(record)) &&
      (await countSeeds(ask, lost.erasedAfter)) === due.size,
  );
  await staff.erase(again);
  claims.check(
    "they are erased again, and the audit with that is whole",
    (await countSeeds(ask, lost.erasedAfter)) === 0 && (await staff.verifyAudit()) === null,
  );
}
