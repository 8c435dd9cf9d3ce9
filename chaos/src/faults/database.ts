/** PostgreSQL gone, crashed, mute, slow, read-only or full. */
import { untilEmpty } from "../scene.ts";
import type { FaultDefinition, Scene } from "../scene.ts";
import { messagesOf, visibilityTimeoutSeconds } from "../stage.ts";

const leaseMs = visibilityTimeoutSeconds * 1000;

export const databaseCrash: FaultDefinition = {
  name: "database_crash",
  what: "PostgreSQL is killed (stop -m immediate) while a batch is being committed",
  enough: 2,
  async strike({ stage, fleet, until, hit, hits }) {
    while (hits() < 2) {
      await fleet.untilReady();
      const crashes: Promise<void>[] = [];
      stage.hooks = {
        writing() {
          if (crashes.length === 0) crashes.push(stage.postgres.stop("immediate"));
        },
      };
      await until("a batch was on its way to PostgreSQL", () => crashes.length > 0);
      stage.hooks = {};
      await Promise.all(crashes);
      await stage.postgres.start();
      hit();
    }
  },
};

export const commitReplyLost: FaultDefinition = {
  name: "commit_reply_lost",
  what: "the connection breaks when a batch is committed and before its reply",
  enough: 5,
  async strike({ stage, until, hit, hits }) {
    stage.hooks = {
      committed(_consumer, connection) {
        connection.setFault({ kind: "reset" });
        hit();
      },
    };
    await until("enough replies were lost", () => hits() >= 5);
  },
};

/** From here on there is time for a long outage. */
const longRunMinutes = 5;

/** A consumer polls for a second at a time; by then every poll under way has returned. */
const pollMs = 1_500;

/**
 * A consumer learns of an outage by its first write, and then says that it is not ready. From there
 * on it receives nothing: each receive of an outage counts against a good message.
 */
async function expectNoReceives(scene: Scene, outageMs: number): Promise<void> {
  const { stage, fleet, until, pause, expect } = scene;
  let aware: number[] = [];
  await until("a consumer said that it is not ready", async () => {
    aware = await fleet.unready();
    return aware.length > 0;
  });
  await pause(pollMs);
  let receives = 0;
  stage.hooks = {
    answered({ operation }, consumer, answer) {
      const isAware = consumer !== null && aware.includes(consumer);
      if (operation === "ReceiveMessage" && isAware && messagesOf(answer).length > 0) receives += 1;
    },
  };
  await pause(outageMs);
  stage.hooks = {};
  expect(receives === 0, "a consumer went on receiving while the database was away");
}

/** Once the outage is over and everything has ended somewhere. */
async function expectNoGoodMessageDead(scene: Scene): Promise<void> {
  const { stage, producer, options, expect } = scene;
  await producer.pause();
  await untilEmpty(scene);
  // Without a vault, a rejected message of a FIFO group takes those behind it along.
  if (options.kind === "fifo" && !options.vault) return;
  const dead = new Set(await stage.server.messageIds(stage.deadLetterUrl));
  const good = producer.sent.filter(({ due }) => due === "row");
  expect(
    good.every(({ messageId }) => !dead.has(messageId)),
    "an outage of the database put a good message into the dead-letter queue",
  );
}

export const databaseDown: FaultDefinition = {
  name: "database_down",
  what: "PostgreSQL is away for several leases; nobody receives, nothing is dead-lettered",
  enough: 1,
  needsHostileServer: true,
  async strike(scene) {
    await scene.fleet.untilReady();
    await scene.pause(500);
    await scene.stage.postgres.stop("fast");
    // Twenty leases are to this queue what ten minutes are to one with a lease of 30 s.
    const leases = scene.options.minutes >= longRunMinutes ? 20 : 3;
    await expectNoReceives(scene, leases * leaseMs);
    await scene.stage.postgres.start();
    scene.hit();
    await expectNoGoodMessageDead(scene);
  },
};

export const databaseReadOnly: FaultDefinition = {
  name: "database_read_only",
  what: "PostgreSQL refuses writes, as during a failover",
  enough: 1,
  needsHostileServer: true,
  async strike(scene) {
    const { stage, fleet } = scene;
    await fleet.untilReady();
    await stage.query("ALTER SYSTEM SET default_transaction_read_only = on");
    await stage.query("SELECT pg_reload_conf()");
    await expectNoReceives(scene, leaseMs);
    await stage.query("ALTER SYSTEM RESET default_transaction_read_only");
    await stage.query("SELECT pg_reload_conf()");
    scene.hit();
    await expectNoGoodMessageDead(scene);
  },
};

export const halfOpenSocket: FaultDefinition = {
  name: "half_open_socket",
  what: "every connection in use to PostgreSQL goes silent and stays open",
  enough: 2,
  async strike({ stage, fleet, until, hit, hits }) {
    await fleet.untilReady();
    const silenced = new Set<number>();
    stage.hooks = {
      committed(consumer, connection) {
        if (silenced.has(consumer)) return;
        silenced.add(consumer);
        connection.setFault({ kind: "black_hole" });
        hit();
      },
    };
    await until("each consumer lost a connection", () => hits() >= fleet.size);
  },
};

export const slowCommit: FaultDefinition = {
  name: "slow_commit",
  what: "a commit takes longer than the visibility timeout",
  enough: 1,
  async strike({ stage, fleet, pause, hit }) {
    await fleet.untilReady();
    // Ends by itself where its connection breaks.
    const locked = stage.query(
      `DO $$ BEGIN
         LOCK TABLE maskline.ledger IN ACCESS EXCLUSIVE MODE;
         PERFORM pg_sleep(${(2 * leaseMs) / 1000});
       END $$`,
    );
    await pause(leaseMs);
    await locked;
    hit();
  },
};

export const diskFull: FaultDefinition = {
  name: "disk_full",
  what: "PostgreSQL says that its disk is full (53100, raised by a trigger)",
  enough: 1,
  needsHostileServer: true,
  async strike(scene) {
    const { stage, fleet, hit } = scene;
    await fleet.untilReady();
    await stage.query(
      `CREATE FUNCTION public.no_space() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$`,
    );
    await stage.query(
      `CREATE TRIGGER no_space BEFORE INSERT ON maskline.ledger
       FOR EACH STATEMENT EXECUTE FUNCTION public.no_space()`,
    );
    await expectNoReceives(scene, leaseMs);
    await stage.query("DROP FUNCTION public.no_space CASCADE");
    hit();
    await expectNoGoodMessageDead(scene);
  },
};
