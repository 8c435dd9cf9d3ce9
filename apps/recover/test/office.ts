/** A migrated database with sealed messages of one contract, and the people who work with it. */

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BatchKeyRow, connectWriter, migrate, type QuarantineRow, type Row } from "@org/db";
import { createTestDatabase } from "@org/local";
import { createTokenizer } from "@org/masking";
import { loadKeyring } from "@org/masking/keyring";
import { createSealer } from "@org/masking/seal";
import { type AnyContract, createSubjectTag, createToRow, login, tagFields } from "@org/schema";
import { served } from "@org/schema/test-contracts";
import { Client, escapeIdentifier } from "pg";
import { inject } from "vitest";
import { type Ended, runRecover } from "./run-recover.ts";
import { createSamples, type Message } from "./samples.ts";

export const tenant = "default";

export interface Person {
  readonly login: string;
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  readonly recover: (argv: readonly string[], stdin?: string) => Promise<Ended>;
  /** As psql would, with this person's login. */
  readonly query: Query;
}

export type Query = (
  sql: string,
  values?: readonly unknown[],
) => Promise<Record<string, unknown>[]>;

/** What tests name of a contract. */
export interface Names {
  /** As the table stands in SQL. */
  readonly table: string;
  /** The masked fields: what can be opened. */
  readonly fields: readonly string[];
  /** Of those, one that is not the subject, and the column of its token. */
  readonly field: string;
  readonly column: string;
  /** The columns of all tokens. */
  readonly tokenColumns: readonly string[];
}

export function namesOf(contract: AnyContract): Names {
  const tokenColumns = contract.columns.filter(({ from }) => from.kind === "token");
  const masked = contract.fields.filter(({ isMasked }) => isMasked);
  const one = masked.find(({ name, isOptional }) => name !== contract.subject && !isOptional);
  return {
    table: `public.${escapeIdentifier(contract.table)}`,
    fields: masked.map(({ name }) => name),
    field: one?.name ?? "",
    column: one?.column ?? "",
    tokenColumns: tokenColumns.map(({ name }) => name),
  };
}

export interface Office extends AsyncDisposable, Names {
  readonly contract: AnyContract;
  readonly directory: string;
  readonly requester: Person;
  readonly colleague: Person;
  readonly approver: Person;
  readonly custodian: Person;
  readonly auditor: Person;
  readonly adminUrl: string;
  /** As the superuser. */
  readonly admin: Query;
  readonly createLogin: (role: string) => Promise<string>;
  /** A message that shares no value with another, but for what is said. */
  readonly sample: (changes?: Partial<Message>) => Message;
  /** Writes messages as the consumer would; resolves with their record ids. */
  readonly write: (
    messages: readonly Partial<Message>[],
    options?: WriteOptions,
  ) => Promise<string[]>;
  /** Gives a record other originals, sealed as the consumer would. */
  readonly reseal: (recordId: string, originals: Readonly<Record<string, string>>) => Promise<void>;
  /** Writes quarantined bodies as the consumer would. */
  readonly quarantine: (bodies: readonly string[]) => Promise<string[]>;
}

export interface WriteOptions {
  /** Default true. */
  readonly vault?: boolean;
  /** How many records share a batch key; default all. */
  readonly recordsPerBatchKey?: number;
  /** Default now. */
  readonly sentAtMs?: number;
}

export async function openOffice(contract: AnyContract = login): Promise<Office> {
  await using opening = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "recover-"));
  opening.defer(() => rm(directory, { recursive: true }));
  const database = opening.use(
    await createTestDatabase(inject("postgresAdminUrl"), "maskline_template"),
  );
  const client = new Client({ connectionString: database.adminUrl });
  await client.connect();
  opening.defer(() => client.end());
  if (contract !== login) await migrate(database.adminUrl, { contract });

  await mkdir(join(directory, "checkpoints"));
  await runRecover(["keys", "init"], { INIT_CWD: directory });
  const env = {
    INIT_CWD: directory,
    MASKLINE_CONTRACT: served.find((each) => each.contract === contract)?.reference ?? "",
    MASKLINE_KEYRING: "maskline.keyring.json",
    RECOVER_PRIVATE_KEYRING: "maskline.private-keyring.json",
    RECOVER_KEYRING: "maskline.recover.keyring.json",
    RECOVER_CHECKPOINT: "checkpoints",
  };

  async function hire(role: string): Promise<Person> {
    const url = await database.createLogin(role);
    const name = new URL(url).username;
    const key = `${name}.pem`;
    const hired = await runRecover(["keys", "signer", "--login", name, "--key", key], env);
    if (hired.code !== 0) throw new Error(hired.stderr);
    const own = { ...env, RECOVER_DATABASE_URL: url, RECOVER_SIGNING_KEY: key };
    return {
      login: name,
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
      contract,
    }),
  );

  const samples = createSamples(contract);
  const sample = (changes: Partial<Message> = {}): Message =>
    ({ ...samples.next(), ...changes }) as Message;
  const isWhole = (message: Partial<Message>): message is Message =>
    contract.fields.every(({ name }) => name in message);
  const openKeyring = () => loadKeyring(join(directory, "maskline.keyring.json"), { env: {} });
  let counter = 0;
  const nextId = (): string => {
    counter += 1;
    return `0190a0b0-7e1c-7c1e-8f6a-${String(counter).padStart(12, "0")}`;
  };
  const opened = opening.move();
  return {
    contract,
    ...namesOf(contract),
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
    sample,
    async write(messages, options = {}) {
      const { vault = true, recordsPerBatchKey = messages.length, sentAtMs } = options;
      const keyring = await openKeyring();
      const fields = contract.tokenFields;
      const toRow = createToRow(contract, createTokenizer(keyring, { tenant, fields }));
      const sealer = createSealer(keyring, { tenant });
      const batchKeys: BatchKeyRow[] = [];
      let batch = sealer.openBatch();
      const rows = messages.map((message, index): Row => {
        if (index % recordsPerBatchKey === 0) {
          batch = sealer.openBatch();
          const { id } = batch;
          batchKeys.push(...batch.sealedKeys.map((key) => ({ id, ...key })));
        }
        const recordId = nextId();
        const row = toRow(isWhole(message) ? message : sample(message), {
          recordId,
          sealer: vault ? batch : null,
        });
        return { messageId: recordId, recordId, sentAtMs: sentAtMs ?? Date.now(), ...row };
      });
      await writer.write({ rows, quarantined: [], batchKeys: vault ? batchKeys : [] });
      return rows.map(({ recordId }) => recordId);
    },
    async reseal(recordId, originals) {
      const batch = createSealer(await openKeyring(), { tenant }).openBatch();
      const { sealed, seed } = batch.seal({ table: contract.table, recordId }, originals);
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
      const keyring = await openKeyring();
      const tag = createSubjectTag(
        contract,
        createTokenizer(keyring, { tenant, fields: tagFields(contract) }),
      );
      const batch = createSealer(keyring, { tenant }).openBatch();
      const batchKeys: BatchKeyRow[] = batch.sealedKeys.map((key) => ({ id: batch.id, ...key }));
      const quarantined = bodies.map((body): QuarantineRow => {
        const recordId = nextId();
        const at = { table: "quarantine", recordId };
        return {
          messageId: recordId,
          recordId,
          sentAtMs: Date.now(),
          reason: `not_a_${contract.name}`,
          sqlState: null,
          subjectTag: tag(body),
          ...batch.sealBytes(at, Buffer.from(body)),
        };
      });
      await writer.write({ rows: [], quarantined, batchKeys });
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
export async function ask(
  person: Person,
  argv: readonly string[],
  stdin?: string,
): Promise<string> {
  const asked = ["request", ...argv, ...why, "--json"];
  const { code, stdout, stderr } = await person.recover(asked, stdin);
  if (code !== 0) throw new Error(`The request ended with ${code}: ${stderr}`);
  return (JSON.parse(stdout) as { grant: string }).grant;
}

/** The same, approved by as many as it takes. */
export async function askApproved(
  { approver, auditor, admin }: Office,
  person: Person,
  argv: readonly string[],
  stdin?: string,
): Promise<string> {
  const grant = await ask(person, argv, stdin);
  const { code, stdout, stderr } = await approver.recover(["approve", grant]);
  if (stdout.endsWith("The grant is pending.\n")) {
    await admin(`GRANT maskline_approver TO ${auditor.login}`);
    await auditor.recover(["approve", grant]);
    await admin(`REVOKE maskline_approver FROM ${auditor.login}`);
  }
  if (code !== 0) throw new Error(`The approval ended with ${code}: ${stderr}`);
  return grant;
}

/** The actions of the audit chain, oldest first. */
export async function auditActions(office: Office): Promise<string[]> {
  const rows = await office.admin("SELECT action FROM recovery.audit ORDER BY seq");
  return rows.map(({ action }) => String(action));
}
