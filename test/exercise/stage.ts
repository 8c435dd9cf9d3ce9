/** A tree's own programs beside a database, a queue, keys and people. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import {
  createTestDatabase,
  leashChild,
  localAwsEnvironment,
  type LocalPostgres,
  type LocalQueueServer,
  nodeEnvironment,
  query,
} from "@org/local";
import { copyTree, type Edit, type Tree } from "./tree.ts";

export interface Servers {
  readonly postgres: LocalPostgres;
  readonly queueServer: LocalQueueServer;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type Recover = (args: readonly string[], stdin?: string) => Promise<Ended>;

export interface Stage extends AsyncDisposable {
  readonly tree: Tree;
  readonly send: (messages: readonly object[]) => Promise<void>;
  readonly typecheck: () => Promise<Ended>;
  readonly migrate: (...args: string[]) => Promise<Ended>;
  readonly consume: (...args: string[]) => Promise<Ended>;
  readonly rita: Recover;
  readonly adam: Recover;
  readonly carla: Recover;
  readonly otto: Recover;
  /** As the superuser. */
  readonly sql: <Row extends object>(statement: string) => Promise<Row[]>;
}

/** Some fifty programs are started in a run, each anew. */
const compiled = join(import.meta.dirname, "../../node_modules/.cache/compiled");

const programs = {
  consumer: "apps/consumer/src/main.ts",
  migrate: "packages/db/src/command/migrate.ts",
  recover: "apps/recover/src/main.ts",
};

/** Without the tests: some say what the login has, and what it has not. */
const sources = {
  extends: "./tsconfig.json",
  include: ["packages/*/src", "apps/*/src", "bench/src", "chaos/src"],
};

export async function openStage({ postgres, queueServer }: Servers, mutant?: Edit): Promise<Stage> {
  await using opening = new AsyncDisposableStack();
  const tree = opening.use(await copyTree());
  if (mutant) await tree.edit(mutant);
  const database = opening.use(await createTestDatabase(postgres.adminUrl));
  const { queueUrl } = await queueServer.createQueueWithDeadLetters(database.name, {
    maxReceiveCount: 10,
  });
  const home = join(tree.directory, "home");
  await mkdir(join(home, "checkpoints"), { recursive: true, mode: 0o700 });

  const run = (args: readonly string[], env: Environment, stdin?: string): Promise<Ended> =>
    runNode(args, {
      cwd: home,
      env: { ...nodeEnvironment, NODE_COMPILE_CACHE: compiled, ...env },
      stdin,
    });
  const runProgram = (name: keyof typeof programs, ...rest: ProgramCall): Promise<Ended> => {
    const [args, env, stdin] = rest;
    const program = join(tree.directory, programs[name]);
    return run(["--conditions=@org/source", program, ...args], env, stdin);
  };

  const migrate: Stage["migrate"] = (...args) =>
    runProgram("migrate", args, { MIGRATE_DATABASE_URL: database.adminUrl });
  // Roles are made by the first migration.
  await orThrow(migrate());

  const keys = {
    MASKLINE_KEYRING: join(home, "maskline.keyring.json"),
    RECOVER_PRIVATE_KEYRING: join(home, "maskline.private-keyring.json"),
    RECOVER_KEYRING: join(home, "maskline.recover.keyring.json"),
    RECOVER_CHECKPOINT: join(home, "checkpoints"),
  };
  await orThrow(runProgram("recover", ["keys", "init"], {}));

  async function hire(role: string): Promise<Recover> {
    const url = await database.createLogin(role);
    const { username } = new URL(url);
    const key = join(home, `${username}.pem`);
    const env = { ...keys, RECOVER_DATABASE_URL: url, RECOVER_SIGNING_KEY: key };
    const recover: Recover = (args, stdin) => runProgram("recover", args, env, stdin);
    await orThrow(recover(["keys", "signer", "--login", username, "--key", key]));
    return recover;
  }

  const consumerEnv = {
    ...localAwsEnvironment,
    AWS_ENDPOINT_URL_SQS: queueServer.endpoint,
    SQS_QUEUE_URL: queueUrl,
    DATABASE_URL: await database.createLogin("maskline_writer"),
    MASKLINE_KEYRING: keys.MASKLINE_KEYRING,
    PORT: "0",
  };
  const people = {
    rita: await hire("maskline_requester"),
    adam: await hire("maskline_approver"),
    carla: await hire("maskline_custodian"),
    otto: await hire("maskline_auditor"),
  };
  const opened = opening.move();
  return {
    tree,
    ...people,
    async send(messages) {
      const bodies = messages.map((message) => JSON.stringify(message));
      await queueServer.send(queueUrl, bodies);
    },
    async typecheck() {
      const project = join(tree.directory, "tsconfig.sources.json");
      await writeFile(project, JSON.stringify(sources));
      return run([join(tree.directory, "node_modules/typescript/bin/tsc"), "-p", project], {});
    },
    migrate,
    consume: (...args) => runProgram("consumer", args, consumerEnv),
    sql: (statement) => query(database.adminUrl, statement),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

type Environment = Readonly<Record<string, string>>;
type ProgramCall = [args: readonly string[], env: Environment, stdin?: string];

interface Process {
  readonly cwd: string;
  readonly env: Environment;
  readonly stdin: string | undefined;
}

async function runNode(args: readonly string[], { cwd, env, stdin }: Process): Promise<Ended> {
  const child = spawn(process.execPath, args, { cwd, env });
  leashChild(child);
  child.stdin.end(stdin);
  const closed = once(child, "close");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { code: child.exitCode, stdout, stderr };
}

/**
 * What it printed, of a program that ended well.
 *
 * @throws AssertionError if it did not.
 */
export async function orThrow(ending: Promise<Ended>): Promise<string> {
  const { code, stdout, stderr } = await ending;
  assert.equal(code, 0, `A program ended with ${code}:\n${stderr}${stdout}`);
  return stdout;
}
