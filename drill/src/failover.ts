/** `pnpm drill failover`: the primary is killed under load, its standby promoted, the consumer goes on. */
import { join } from "node:path";
import { execute, type LocalPostgres, startPostgres, takeBaseBackup } from "@org/local";
import { account } from "./account.ts";
import {
  acceptRestore,
  countDecided,
  type DrillOptions,
  findUndecided,
  type Ground,
  makeDatabase,
  openGround,
  queryAt,
  tellsOfRestore,
} from "./ground.ts";

/** Of the primary and of whoever takes its place. */
const settings = { wal_keep_size: "1GB", track_commit_timestamp: "on" };
const decidedBefore = 1_000;
const decidedAfter = 1_000;

export async function failover(options: DrillOptions): Promise<void> {
  const { claims, signal } = options;
  await using opening = new AsyncDisposableStack();
  const primary = opening.use(await startPostgres({ settings }));
  const ground = opening.use(await openGround(options));
  const standby = opening.use(await follow(primary, ground, opening));
  const database = await makeDatabase(primary, ground.contract);
  const adminUrl = standby.url({ database: database.name });
  const [atPrimary, atStandby] = [queryAt(database.adminUrl), queryAt(adminUrl)];
  const databaseUrl = namingBoth(database.writerUrl, standby);
  const fleet = await ground.startConsumer(databaseUrl);
  const { producer, until } = ground;

  producer.begin();
  await until("messages flow", async () => (await countDecided(atPrimary)) >= decidedBefore);
  const [replication] = await atPrimary<{ sync_state: string }>(
    "SELECT sync_state FROM pg_stat_replication",
  );
  claims.check(
    "the standby is synchronous: a commit is one once both servers have it",
    replication?.sync_state === "sync",
  );

  const deleted = new Set(ground.deleted);
  const killedMs = performance.now();
  await primary.stop("kill");
  const waiting = ground.server.messageIds(ground.queueUrl).length;
  claims.check(
    `the primary got a SIGKILL with ${deleted.size} messages deleted from the queue and ${waiting} in it`,
    deleted.size > 0 && waiting > 0,
  );
  await atStandby("SELECT pg_promote(true)");
  const promotedMs = performance.now() - killedMs;
  const lacking = await findUndecided(atStandby, deleted);
  claims.check(
    `whatever was deleted from the queue by then is on the new primary: ${lacking.length} missing`,
    lacking.length === 0,
  );

  const kept = await countDecided(atStandby);
  await until("the consumer writes", async () => (await countDecided(atStandby)) > kept);
  const backMs = performance.now() - killedMs;
  const seconds = { promoted: toSeconds(promotedMs), writesAgain: toSeconds(backMs) };
  claims.note(
    "seconds_after_kill",
    seconds,
    `promoted ${seconds.promoted} s after the kill, first commit ${seconds.writesAgain} s after it`,
  );
  await until(
    "enough was written since",
    async () => (await countDecided(atStandby)) >= kept + decidedAfter,
  );
  await producer.pause();
  await until("the queue is empty", () => ground.server.messageIds(ground.queueUrl).length === 0);
  claims.check(
    "the consumer went on by itself: its process never ended",
    fleet.crashes.length === 0 && fleet.isReady(),
  );
  await account(ground, claims, {
    ask: atStandby,
    due: producer.sent,
    erased: new Set(),
    named: "every message",
  });

  claims.check(
    "--check tells that the database goes on from a standby",
    await tellsOfRestore(ground, fleet, databaseUrl),
  );
  await acceptRestore(ground, adminUrl, signal);
  claims.check(
    "it does not any more after pnpm migrate --accept-restore",
    !(await tellsOfRestore(ground, fleet, databaseUrl)),
  );
}

/** A standby without which the primary calls no commit a success. */
async function follow(
  primary: LocalPostgres,
  { directory, until }: Ground,
  opening: AsyncDisposableStack,
): Promise<LocalPostgres> {
  const backup = await takeBaseBackup(primary, join(directory, "base"));
  const conninfo = `host=127.0.0.1 port=${primary.port} user=postgres password=${primary.password}`;
  const standby = await startPostgres({
    settings: { ...settings, primary_conninfo: conninfo },
    from: { ...backup, as: "standby" },
  });
  opening.use(standby);
  await execute(primary.adminUrl, [
    "ALTER SYSTEM SET synchronous_standby_names = '*'",
    "SELECT pg_reload_conf()",
  ]);
  const ask = queryAt(primary.adminUrl);
  await until("the standby is synchronous", async () => {
    const text = "SELECT FROM pg_stat_replication WHERE sync_state = 'sync'";
    return (await ask(text)).length === 1;
  });
  return standby;
}

/** The same login at both servers; whichever takes writes is the one. */
function namingBoth(writerUrl: string, standby: LocalPostgres): string {
  const { username, password, host, pathname } = new URL(writerUrl);
  const hosts = `${host},127.0.0.1:${standby.port}`;
  return `postgresql://${username}:${password}@${hosts}${pathname}?target_session_attrs=read-write`;
}

function toSeconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
