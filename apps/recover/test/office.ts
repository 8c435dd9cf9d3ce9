/** A migrated database with sealed logins, and the people who work with it. */

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BatchKeyRow, connectWriter, type LoginRow, type QuarantineRow } from "@org/db";
import { createTestDatabase } from "@org/local";
import { createTokenizer } from "@org/masking";
import { loadKeyring } from "@org/masking/keyring";
import { createSealer } from "@org/masking/seal";
import { fieldPolicy } from "@org/schema";
import { Client } from "pg";
import { inject } from "vitest";
import { type Ended, runRecover } from "./run-recover.ts";

export const tenant = "default";

export interface Person {
  readonly login: string;
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  recover(argv: readonly string[], stdin?: string): Promise<Ended>;
  /** As psql would, with this person's login. */
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
}

export interface Office extends AsyncDisposable {
  readonly directory: string;
  readonly requester: Person;
  readonly colleague: Person;
  readonly approver: Person;
  readonly custodian: Person;
  readonly auditor: Person;
  readonly adminUrl: string;
  /** As the superuser. */
  admin(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  createLogin(role: string): Promise<string>;
  /** Writes logins as the consumer would; resolves with their record ids. */
  write(logins: readonly Sample[], options?: WriteOptions): Promise<string[]>;
  /** Gives a record another original, sealed as the consumer would. */
  reseal(recordId: string, fields: Readonly<Record<string, string>>): Promise<void>;
  /** Writes quarantined bodies as the consumer would. */
  quarantine(bodies: readonly string[]): Promise<string[]>;
}

export interface WriteOptions {
  /** Default true. */
  readonly vault?: boolean;
  /** How many records share a batch key; default all. */
  readonly recordsPerBatchKey?: number;
}

export interface Sample {
  readonly ip: string;
  readonly deviceId: string;
  readonly userId?: string;
  readonly sentAtMs?: number;
}

export async function openOffice(): Promise<Office> {
  await using opening = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "recover-"));
  opening.defer(() => rm(directory, { recursive: true }));
  const database = opening.use(
    await createTestDatabase(inject("postgresAdminUrl"), "maskline_template"),
  );
  const client = new Client({ connectionString: database.adminUrl });
  await client.connect();
  opening.defer(() => client.end());

  await mkdir(join(directory, "checkpoints"));
  await runRecover(["keys", "init"], { INIT_CWD: directory });
  const env = {
    INIT_CWD: directory,
    MASKLINE_KEYRING: "maskline.keyring.json",
    RECOVER_PRIVATE_KEYRING: "maskline.private-keyring.json",
    RECOVER_KEYRING: "maskline.recover.keyring.json",
    RECOVER_CHECKPOINT: "checkpoints",
  };

  async function hire(role: string): Promise<Person> {
    const url = await database.createLogin(role);
    const login = new URL(url).username;
    const key = `${login}.pem`;
    await runRecover(["keys", "signer", "--login", login, "--key", key], env);
    const own = { ...env, RECOVER_DATABASE_URL: url, RECOVER_SIGNING_KEY: key };
    return {
      login,
      url,
      env: own,
      recover: (argv, stdin) => runRecover(argv, own, stdin),
      query: (sql, values) => queryOnce(url, sql, values),
    };
  }

  const requester = await hire("maskline_requester");
  const colleague = await hire("maskline_requester");
  const approver = await hire("maskline_approver");
  const custodian = await hire("maskline_custodian");
  const auditor = await hire("maskline_auditor");
  const writer = opening.use(
    connectWriter({
      connection: { connectionString: await database.createLogin("maskline_writer") },
    }),
  );

  let counter = 0;
  const nextId = (): string => {
    counter += 1;
    return `0190a0b0-7e1c-7c1e-8f6a-${String(counter).padStart(12, "0")}`;
  };
  const opened = opening.move();
  return {
    directory,
    requester,
    colleague,
    approver,
    custodian,
    auditor,
    adminUrl: database.adminUrl,
    async admin(sql, values) {
      const { rows } = await client.query<Record<string, unknown>>(sql, [...(values ?? [])]);
      return rows;
    },
    createLogin: (role) => database.createLogin(role),
    async write(samples, { vault = true, recordsPerBatchKey = samples.length } = {}) {
      const keyring = await loadKeyring(join(directory, "maskline.keyring.json"), { env: {} });
      const tokenizer = createTokenizer(keyring, {
        tenant,
        fields: { ip: fieldPolicy.ip.norm, device_id: fieldPolicy.device_id.norm },
      });
      const sealer = createSealer(keyring, { tenant });
      const batchKeys: BatchKeyRow[] = [];
      let batch = sealer.openBatch();
      const logins = samples.map((sample, index): LoginRow => {
        if (index % recordsPerBatchKey === 0) {
          batch = sealer.openBatch();
          const { id } = batch;
          batchKeys.push(...batch.sealedKeys.map((key) => ({ id, ...key })));
        }
        const recordId = nextId();
        const fields = { ip: sample.ip, device_id: sample.deviceId };
        return {
          messageId: recordId,
          recordId,
          sentAtMs: sample.sentAtMs ?? Date.now(),
          userId: sample.userId ?? "424cdd21-063a-43a7-b91b-7ca1a833afae",
          deviceType: "android",
          maskedIp: tokenizer.tokenize("ip", sample.ip),
          maskedDeviceId: tokenizer.tokenize("device_id", sample.deviceId),
          locale: null,
          appVersion: 3,
          appVersionText: "3.0.1",
          vault: vault ? batch.seal({ table: "user_logins", recordId }, fields) : null,
        };
      });
      await writer.write({ logins, quarantined: [], batchKeys: vault ? batchKeys : [] });
      return logins.map(({ recordId }) => recordId);
    },
    async reseal(recordId, fields) {
      const keyring = await loadKeyring(join(directory, "maskline.keyring.json"), { env: {} });
      const batch = createSealer(keyring, { tenant }).openBatch();
      const { sealed, seed } = batch.seal({ table: "user_logins", recordId }, fields);
      for (const key of batch.sealedKeys) {
        await client.query(
          "INSERT INTO maskline.batch_key (id, recipient, sealed) VALUES ($1, $2, $3)",
          [batch.id, key.recipient, key.sealed],
        );
      }
      const at = "WHERE record_id = $1";
      await client.query(`UPDATE maskline.vault SET sealed = $2 ${at}`, [recordId, sealed]);
      await client.query(`UPDATE maskline.seed SET seed = $2 ${at}`, [recordId, seed]);
    },
    async quarantine(bodies) {
      const keyring = await loadKeyring(join(directory, "maskline.keyring.json"), { env: {} });
      const batch = createSealer(keyring, { tenant }).openBatch();
      const batchKeys: BatchKeyRow[] = batch.sealedKeys.map((key) => ({ id: batch.id, ...key }));
      const quarantined = bodies.map((body): QuarantineRow => {
        const recordId = nextId();
        const at = { table: "quarantine", recordId };
        return {
          messageId: recordId,
          recordId,
          sentAtMs: Date.now(),
          reason: "not_a_login",
          sqlState: null,
          ...batch.sealBytes(at, Buffer.from(body)),
        };
      });
      await writer.write({ logins: [], quarantined, batchKeys });
      return quarantined.map(({ recordId }) => recordId);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function queryOnce(
  url: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql, [...values]);
    return rows;
  } finally {
    await client.end();
  }
}

export const why = [
  "--purpose",
  "fraud",
  "--ticket",
  "SEC-1",
  "--justification",
  "A test of recovery",
] as const;

/** The id of a new grant of this person's. */
export async function ask(person: Person, argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await person.recover(["request", ...argv, ...why, "--json"]);
  if (code !== 0) throw new Error(`The request ended with ${code}: ${stderr}`);
  return (JSON.parse(stdout) as { grant: string }).grant;
}

/** The same, approved. */
export async function askApproved(
  { approver }: Office,
  person: Person,
  argv: readonly string[],
): Promise<string> {
  const grant = await ask(person, argv);
  const { code, stderr } = await approver.recover(["approve", grant]);
  if (code !== 0) throw new Error(`The approval ended with ${code}: ${stderr}`);
  return grant;
}

/** The actions of the audit chain, oldest first. */
export async function auditActions(office: Office): Promise<string[]> {
  const rows = await office.admin("SELECT action FROM recovery.audit ORDER BY seq");
  return rows.map(({ action }) => String(action));
}
