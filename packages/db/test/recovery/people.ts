/** A database with rows of a contract, and the people of governed recovery, each with a login. */

import { randomBytes, randomUUID } from "node:crypto";
import {
  type AccessRequest,
  type Answer,
  connectRecovery,
  type GrantAnswer,
  type QuarantineRow,
  type Recovery,
  type Row,
} from "@org/db";
import type { AnyContract } from "@org/schema";
import type { QueryResultRow } from "pg";
import { createBatch, createBatchKey, createQuarantined, createRows } from "../batches.ts";
import { type Migrated, openMigrated } from "../databases.ts";

export type Duty = "requester" | "approver" | "custodian" | "auditor";

export interface Person {
  readonly login: string;
  readonly url: string;
  readonly recovery: Recovery;
}

export interface Office extends Migrated {
  readonly contract: AnyContract;
  readonly people: Readonly<Record<Duty, Person>>;
  /** The columns of the contract's tokens, by token field. */
  readonly tokenColumns: ReadonlyMap<string, string>;
  readonly write: (count: number, change?: Partial<Row>) => Promise<readonly Row[]>;
  readonly quarantine: (count: number) => Promise<readonly QuarantineRow[]>;
  /** The id of an approved grant of whoever may ask for this. */
  readonly grant: (
    request: Pick<AccessRequest, "capability" | "selector"> & Partial<AccessRequest>,
  ) => Promise<string>;
  readonly request: (
    request: Pick<AccessRequest, "capability" | "selector"> & Partial<AccessRequest>,
  ) => Promise<Answer<GrantAnswer>>;
  /** An open claim under an approved grant. */
  readonly claimWork: (request: Pick<AccessRequest, "capability" | "selector">) => Promise<string>;
  readonly claimRecords: (
    capability: "unmask" | "retry",
    records: readonly string[],
    kind?: "records" | "quarantine",
  ) => Promise<string>;
  /** Runs one statement with a person's login, as psql would, and takes it back; what it did can be read in between. */
  readonly tried: <Line extends QueryResultRow>(
    person: Person,
    statements: readonly Statement[],
    look?: () => Promise<readonly Line[]>,
    level?: string,
  ) => Promise<readonly Line[]>;
}

export interface Statement {
  readonly text: string;
  readonly values?: readonly unknown[];
}

const isCustodians = new Set(["retry", "erase", "rewrap", "retoken"]);

export async function openOffice(contract: AnyContract): Promise<Office> {
  await using opening = new AsyncDisposableStack();
  const migrated = opening.use(await openMigrated(contract));
  const { database, read } = migrated;
  const hire = async (duty: Duty): Promise<Person> => {
    const url = await database.createLogin(`maskline_${duty}`);
    const recovery = opening.use(connectRecovery({ connectionString: url }));
    return { login: new URL(url).username, url, recovery };
  };
  const people: Office["people"] = {
    requester: await hire("requester"),
    approver: await hire("approver"),
    custodian: await hire("custodian"),
    auditor: await hire("auditor"),
  };
  const writer = await migrated.openWriter(contract);
  const createRow = createRows(contract);
  const masked = contract.fields.filter(({ isMasked }) => isMasked).map(({ name }) => name);
  // What the tests ask for is more than a person would in an hour.
  await read("UPDATE recovery.policy SET requests_per_hour = 100000, records_per_minute = 100000");

  const asker = ({ capability }: Pick<AccessRequest, "capability">): Person =>
    isCustodians.has(capability) ? people.custodian : people.requester;
  const request: Office["request"] = (wanted) =>
    asker(wanted).recovery.grants.request({
      tenant: "default",
      contract: wanted.capability === "rewrap" ? "*" : contract.name,
      fields: fieldsOf(wanted, masked),
      purpose: "fraud",
      ticket: "SEC-1",
      justification: "A test of recovery",
      reveal: "full",
      maxRecords: null,
      minutes: 60,
      ...wanted,
    });
  const grant: Office["grant"] = async (wanted) => {
    const asked = await request(wanted);
    if ("refused" in asked) throw new Error(`The request was refused: ${asked.refused}`);
    const { login, recovery } = people.approver;
    const decision = await recovery.grants.decide(asked.grant, {
      decision: "approve",
      keyId: "0123456789abcdef",
      signature: randomBytes(64),
      login,
    });
    if ("refused" in decision) throw new Error(`The approval was refused: ${decision.refused}`);
    return asked.grant;
  };

  const opened = opening.move();
  return {
    ...migrated,
    contract,
    people,
    tokenColumns: new Map(
      contract.columns.flatMap(({ name, from }) =>
        from.kind === "token" ? [[from.field, name]] : [],
      ),
    ),
    async write(count, change = {}) {
      const rows = Array.from({ length: count }, () => createRow(change));
      await writer.write(createBatch({ rows: rows.map(underKey), batchKeys: [batchKey] }));
      return rows.map(underKey);
    },
    async quarantine(count) {
      const quarantined = Array.from({ length: count }, () => underKey(createQuarantined()));
      await writer.write(createBatch({ quarantined, batchKeys: [batchKey] }));
      return quarantined;
    },
    request,
    grant,
    async claimWork(wanted) {
      const capability = wanted.capability as "erase" | "rewrap" | "retoken";
      const { selector } = wanted;
      return claimOf(
        await people.custodian.recovery.work.claim({
          grant: await grant(wanted),
          capability,
          claim: randomUUID(),
          ...("subject" in selector ? { subject: selector.subject } : {}),
        }),
      );
    },
    async claimRecords(capability, ids, kind = capability === "retry" ? "quarantine" : "records") {
      const wanted = { capability, selector: { kind, ids } } as const;
      const fields = fieldsOf(wanted, masked);
      return claimOf(
        await asker(wanted).recovery.claims.claim({
          grant: await grant(wanted),
          capability,
          claim: randomUUID(),
          fields,
          records: ids,
        }),
      );
    },
    async tried(person, statements, look = async () => [], level = "READ COMMITTED") {
      await read(`BEGIN ISOLATION LEVEL ${level}`);
      try {
        await read(`SET LOCAL SESSION AUTHORIZATION ${person.login}`);
        for (const { text, values } of statements) await read(text, values);
        await read("RESET SESSION AUTHORIZATION");
        return await look();
      } finally {
        await read("ROLLBACK");
      }
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Of a subject that nobody holds anything against. */
export const commitment = { commitment: "c".repeat(64), salt: "5".repeat(64) } as const;

/** Of all that is sealed here. */
const batchKey = createBatchKey();

/** As a sealed record is laid out: a byte, the batch key's id, and what is sealed. */
function underKey<Entry extends Row | QuarantineRow>(entry: Entry): Entry {
  const sealed = "vault" in entry ? entry.vault?.sealed : entry.sealed;
  sealed?.set(Buffer.from(batchKey.id.replaceAll("-", ""), "hex"), 2);
  return entry;
}

function fieldsOf(
  { capability, selector }: Pick<AccessRequest, "capability" | "selector">,
  masked: readonly string[],
): readonly string[] {
  if (capability === "lookup") return masked.slice(0, 1);
  if (capability !== "unmask") return [];
  return selector.kind === "quarantine" ? ["body"] : masked;
}

export function claimOf(answer: Answer<{ readonly claim: string }>): string {
  if ("refused" in answer) throw new Error(`The claim was refused: ${answer.refused}`);
  return answer.claim;
}
