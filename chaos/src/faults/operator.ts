/** What the people and machines around a consumer do to it: wrong clocks, wrong keys, stops. */
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Launch } from "../fleet.ts";
import { refusalOf } from "../refusal.ts";
import type { FaultDefinition } from "../scene.ts";

const dayMs = 86_400_000;
const shiftClock = new URL("../preload/shift-clock.ts", import.meta.url).href;

export const clockWrong: FaultDefinition = {
  name: "clock_wrong",
  what: "the consumers' clocks are a day ahead and a day behind; create_date stays right",
  enough: 2,
  async strike({ stage, fleet, pause, hit }) {
    const restart = async (consumer: number, change?: Partial<Launch>): Promise<void> => {
      await fleet.terminate(consumer);
      fleet.start(consumer, change);
    };
    const offsets = [dayMs, -dayMs];
    await Promise.all(
      offsets.map(async (offsetMs, consumer) => {
        const env = { ...stage.consumerEnv(consumer), CHAOS_CLOCK_OFFSET_MS: String(offsetMs) };
        await restart(consumer, { env, preload: shiftClock });
        hit();
      }),
    );
    await fleet.untilReady();
    await pause(2_000);
    await Promise.all(offsets.map((_, consumer) => restart(consumer)));
  },
};

export const keysWrong: FaultDefinition = {
  name: "keys_wrong",
  what: "a keyring is missing or weak: no start, no receive; keys are rotated under load",
  enough: 3,
  async strike({ stage, fleet, expect, hit }) {
    const weakPath = join(stage.directory, "weak-keyring.json");
    const weak = {
      format: "mk1/keyring",
      token_keys: [{ kid: "t1", state: "primary", key: "c2hvcnQ" }],
      recipients: [],
    };
    await writeFile(weakPath, JSON.stringify(weak));
    let received = false;
    stage.hooks = {
      request({ operation }, consumer) {
        if (operation === "ReceiveMessage" && consumer === fleet.size) received = true;
        return null;
      },
    };
    await Promise.all(
      [join(stage.directory, "no-keyring.json"), weakPath].map(async (path) => {
        const env = { ...stage.consumerEnv(fleet.size), MASKLINE_KEYRING: path };
        const { code } = await fleet.runApart({ env });
        expect(code === 2, "a consumer without usable keys did not exit with 2");
        hit();
      }),
    );
    expect(!received, "a consumer without usable keys received messages");
    stage.hooks = {};

    await stage.keyrings.rotate();
    for (let consumer = 0; consumer < fleet.size; consumer += 1) {
      const { code } = await fleet.terminate(consumer);
      expect(code === 0, "a consumer that was told to stop did not exit with 0");
      fleet.start(consumer);
      await fleet.untilReady();
    }
    hit();
  },
};

/** Logged is then what statements are given, of those that end and of those that fail. */
const talkative = { log_statement: "all", log_parameter_max_length_on_error: "-1" };

export const parametersLogged: FaultDefinition = {
  name: "parameters_logged",
  what: "PostgreSQL's log repeats what statements are given; no masked value is, and production refuses it",
  enough: 1,
  async strike({ stage, fleet, until, expect, hit }) {
    await fleet.untilReady();
    const { size: from } = await stat(stage.postgres.logFile);
    for (const [name, setting] of Object.entries(talkative)) {
      await stage.query(`ALTER SYSTEM SET ${name} = '${setting}'`);
    }
    await stage.query("SELECT pg_reload_conf()");
    const env = { ...stage.consumerEnv(fleet.size), MASKLINE_PROFILE: "production" };
    const checking = fleet.runApart({ env, args: ["--check"] });
    await until("what a write is given was logged", async () => {
      const log = (await readFile(stage.postgres.logFile)).subarray(from).toString();
      const isRefused = refusalOf(stage.contract) === null || log.includes(`constraint "refused"`);
      return isRefused && /maskline_write[^]*arameters: \$1 = /.test(log);
    });
    hit();
    const { code, output } = await checking;
    expect(
      code === 2 && output.includes("log_parameter_max_length"),
      "production's check takes a server that logs parameters",
    );
    for (const name of Object.keys(talkative)) await stage.query(`ALTER SYSTEM RESET ${name}`);
    await stage.query("SELECT pg_reload_conf()");
  },
};

/** pnpm passes on a signal that its whole group got: the two are one. */
const sameSignalMs = 10;
/** Long enough after the first to be meant. */
const secondSignalMs = 1_500;

export const terminated: FaultDefinition = {
  name: "terminated",
  what: "SIGTERM under load, twice in a moment: exit 0, nothing left leased; a later one ends it",
  enough: 2,
  async strike({ stage, fleet, producer, expect, hit, until }) {
    const all = Array.from({ length: fleet.size }, (_, consumer) => consumer);
    await fleet.untilReady();
    const ends = await Promise.all(
      all.map(async (consumer) => fleet.terminate(consumer, sameSignalMs)),
    );
    expect(
      ends.every(({ code }) => code === 0),
      "a consumer that was told to stop did not exit with 0",
    );
    await producer.pause();
    const { inFlight } = await stage.admin.depth(stage.queueUrl);
    expect(inFlight === 0, "a consumer that stopped left messages leased");
    producer.resume();
    hit();

    for (const consumer of all) fleet.start(consumer);
    await fleet.untilReady();
    let isHeld = false;
    stage.hooks = {
      // What it cannot finish keeps it from ending by itself.
      writing(consumer, connection) {
        if (consumer !== 0) return;
        connection.setFault({ kind: "black_hole" });
        isHeld = true;
      },
    };
    await until("a consumer waits for its batch", () => isHeld);
    const { code } = await fleet.terminate(0, secondSignalMs);
    stage.hooks = {};
    expect(code === 1, "a second signal did not end a consumer at once");
    fleet.start(0);
    hit();
  },
};
