/** One field more, from the first message to the last erasure: what becomes of old and new rows. */
import assert, { AssertionError } from "node:assert/strict";
import { twoFields } from "./edits.ts";
import {
  address,
  alice,
  bob,
  carol,
  email,
  messagesAfter,
  messagesBefore,
  messageUnderNewKey,
  refusedLocale,
} from "./people.ts";
import { orThrow, type Recover, type Stage } from "./stage.ts";

type Run = (stage: Stage) => Promise<void>;

/** In their order. */
const steps = {
  "messages before the change": async (stage) => {
    await refuseLocale(stage);
    await consume(stage, messagesBefore);
    await expectRows(stage, "user_id, locale", [
      [alice, "DE"],
      [bob, "DE"],
    ]);
  },
  "two fields, a line each": ({ tree }) => tree.edit(twoFields),
  types: async ({ typecheck }) => void (await orThrow(typecheck())),
  plan,
  migration,
  "messages of the old and the new shape": async (stage) => {
    await consume(stage, messagesAfter);
    await expectRows(stage, "user_id, country, masked_email IS NOT NULL", [
      [alice, null, false],
      [alice, "DE", true],
      [bob, null, false],
      [bob, null, false],
      [bob, "FR", true],
    ]);
    await expectEqualTokens(stage);
    await expectNoPlaintext(stage);
  },
  "retry from quarantine": retry,
  unmasking: async (stage) => {
    await unmask(stage, alice, ["", email]);
    await unmask(stage, bob, ["", "", email]);
  },
  "look-up": async (stage) => {
    await lookUp(stage, "email", { value: email, of: [alice, bob] });
    await lookUp(stage, "ip", { value: address, of: [alice, alice] });
  },
  rotation: async (stage) => {
    await rotate(stage);
    await expectEqualTokens(stage);
    await unmask(stage, carol, ["", "carol@example.org"]);
    await lookUp(stage, "email", { value: email, of: [alice, bob] });
  },
  erasure: async (stage) => {
    await erase(stage);
    await lookUp(stage, "email", { value: email, of: [bob] });
    await lookUp(stage, "ip", { value: address, of: [] });
    await expectNoPlaintext(stage);
  },
  audit: async ({ otto }) => void (await orThrow(otto(["audit", "verify"]))),
} satisfies Readonly<Record<string, Run>>;

export type Step = keyof typeof steps;

export const allSteps = Object.keys(steps) as readonly Step[];

/** Without these nothing can be done with rows of both shapes. */
const setting: readonly Step[] = [
  "messages before the change",
  "two fields, a line each",
  "migration",
  "messages of the old and the new shape",
  "retry from quarantine",
];

/** The steps that lead to this one, and it. */
export function stepsTo(step: Step): readonly Step[] {
  return [...setting, step];
}

/**
 * Takes these steps, until one has a wrong outcome.
 *
 * @returns the step and what was wrong there; null if nothing was.
 */
export async function exercise(
  stage: Stage,
  taken: readonly Step[],
  onStep: (step: Step) => void = () => {},
): Promise<{ readonly step: Step; readonly fault: AssertionError } | null> {
  for (const step of taken) {
    onStep(step);
    try {
      const run: Run = steps[step];
      await run(stage);
    } catch (fault) {
      if (!(fault instanceof AssertionError)) throw fault;
      return { step, fault };
    }
  }
  return null;
}

async function refuseLocale({ sql }: Stage): Promise<void> {
  await sql(
    `ALTER TABLE user_logins ADD CONSTRAINT refused CHECK (locale IS DISTINCT FROM '${refusedLocale}')`,
  );
}

async function consume({ send, consume: run }: Stage, messages: readonly object[]): Promise<void> {
  await send(messages);
  await orThrow(run("--until-empty"));
}

/** Nothing starts against a table of yesterday, and the plan changes nothing. */
async function plan({ consume: run, migrate }: Stage): Promise<void> {
  const refused = await run("--check");
  assert.equal(refused.code, 2);
  for (const column of ["country", "masked_email"]) {
    assert.match(refused.stdout + refused.stderr, new RegExp(`\\b${column}\\b`));
  }
  const planned = await orThrow(migrate("--plan"));
  assert.equal(planned.match(/ ADD COLUMN /g)?.length, 2);
  assert.equal(await orThrow(migrate("--plan")), planned);
}

async function migration({ migrate }: Stage): Promise<void> {
  await orThrow(migrate());
  assert.match(await orThrow(migrate()), /current/);
}

/** These columns of all rows, in any order. */
async function expectRows(
  { sql }: Stage,
  columns: string,
  expected: readonly (readonly unknown[])[],
): Promise<void> {
  const rows = await sql<{ cells: unknown[] }>(
    `SELECT json_build_array(${columns}) AS cells FROM user_logins`,
  );
  const found = rows.map(({ cells }) => JSON.stringify(cells));
  assert.deepEqual(found.toSorted(), expected.map((cells) => JSON.stringify(cells)).toSorted());
}

/** What two people share has one token, and nothing else has it. */
async function expectEqualTokens({ sql }: Stage): Promise<void> {
  const rows = await sql(
    "SELECT count(*)::integer AS uses FROM user_logins GROUP BY masked_email HAVING count(masked_email) > 1",
  );
  assert.deepEqual(rows, [{ uses: 2 }]);
}

async function expectNoPlaintext({ sql }: Stage): Promise<void> {
  const tables = await sql<{ name: string }>(
    "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname IN ('public', 'maskline', 'recovery')",
  );
  for (const { name } of tables) {
    const found = await sql(
      `SELECT FROM ${name} AS entry WHERE entry::text ~ '@example|203.0.113'`,
    );
    assert.equal(found.length, 0, `Plaintext stands in ${name}.`);
  }
}

/** Two were refused by the database, before and after the change, two by the contract. */
async function retry(stage: Stage): Promise<void> {
  await stage.sql("ALTER TABLE user_logins DROP CONSTRAINT refused");
  const listed = JSON.parse(await orThrow(stage.carla(["quarantine", "list", "--json"]))) as {
    record_id: string;
    reason: string;
  }[];
  assert.deepEqual(listed.map(({ reason }) => reason).toSorted(), [
    "country_too_long",
    "email_invalid",
    "refused_by_database",
    "refused_by_database",
  ]);
  const ids = listed.map(({ record_id: id }) => id);
  const grant = await request(stage, stage.carla, ["retry", "--quarantined", ...ids]);
  const retried = await orThrow(stage.carla(["quarantine", "retry", "--grant", grant, "--json"]));
  assert.deepEqual(JSON.parse(retried), {
    written: 2,
    failed: 0,
    rejected: { country_too_long: 1, email_invalid: 1 },
    refused: {},
  });
  // The others are of no use to anybody, and their subjects' tags would keep the old key.
  const purging = await request(stage, stage.carla, ["erase", "--quarantined", ...ids]);
  await orThrow(stage.carla(["quarantine", "purge", "--grant", purging]));
  const rows = await stage.sql(
    `SELECT country, masked_email IS NOT NULL AS has_email FROM user_logins WHERE user_id = '${carol}' ORDER BY country NULLS FIRST`,
  );
  assert.deepEqual(rows, [
    { country: null, has_email: false },
    { country: "IT", has_email: true },
  ]);
}

/** The e-mails that were ever sent of a person, and each row fits its originals. */
async function unmask(stage: Stage, person: string, emails: readonly string[]): Promise<void> {
  const fields = ["--field", "ip", "device_id", "email"];
  const grant = await request(stage, stage.rita, ["unmask", ...fields, "--subject", person]);
  const argv = ["unmask", "--grant", grant, "--print", "--format", "jsonl"];
  const opened = linesOf(await orThrow(stage.rita(argv)));
  assert.deepEqual(opened.map(({ email: shown = "" }) => shown).toSorted(), [...emails].toSorted());
  for (const row of opened) {
    assert.equal(row["tokens"], "match");
    assert.ok(row["ip"] && row["device_id"]);
  }
}

/** Finds the rows of these people, whenever they were written. */
async function lookUp(
  stage: Stage,
  field: string,
  { value, of }: { readonly value: string; readonly of: readonly string[] },
): Promise<void> {
  const grant = await request(stage, stage.rita, ["lookup", "--field", field]);
  const argv = ["lookup", "--grant", grant, "--field", field, "--json"];
  const rows = JSON.parse(await orThrow(stage.rita(argv, value))) as { user_id: string }[];
  assert.deepEqual(rows.map(({ user_id: person }) => person).toSorted(), of);
  for (const row of rows) assert.ok("country" in row && "masked_email" in row);
}

/** The old key is counted, left by each row, and disabled. */
async function rotate(stage: Stage): Promise<void> {
  const { carla } = stage;
  await orThrow(carla(["keys", "add", "--token"]));
  await orThrow(carla(["keys", "promote", "t2", "--token"]));
  await consume(stage, [messageUnderNewKey]);
  // Seven rows have two tokens of the login's own, three of them an e-mail's too.
  assert.deepEqual(await usesOfTokenKeys(stage), { t1: 17, t2: 3 });
  assert.equal((await carla(["keys", "disable", "t1", "--token"])).code, 3);
  const terms = ["retoken", "--from-key", "t1", "--to-key", "t2"];
  const grant = await request(stage, carla, terms);
  const moved = await orThrow(carla(["retoken", "--grant", grant, "--json"]));
  assert.equal((JSON.parse(moved) as { moved: number }).moved, 7);
  assert.deepEqual(await usesOfTokenKeys(stage), { t1: 0, t2: 20 });
  await orThrow(carla(["keys", "disable", "t1", "--token"]));
}

async function usesOfTokenKeys({ carla }: Stage): Promise<Record<string, number>> {
  const rows = JSON.parse(await orThrow(carla(["keys", "status", "--json"]))) as {
    kind: string;
    kid: string;
    uses: string;
  }[];
  const ofTokens = rows.filter(({ kind }) => kind === "token");
  return Object.fromEntries(ofTokens.map(({ kid, uses }) => [kid, Number(uses)]));
}

/** Nothing of Alice's opens or matches any more; Bob's stays. */
async function erase(stage: Stage): Promise<void> {
  const { carla, sql } = stage;
  const grant = await request(stage, carla, ["erase", "--subject", alice]);
  await orThrow(carla(["erase", "--grant", grant, "--subject", alice]));
  const found = await sql(
    `SELECT country, masked_ip, masked_device_id, masked_email FROM user_logins WHERE user_id = '${alice}' ORDER BY country NULLS FIRST`,
  );
  const erased = { masked_ip: "erased", masked_device_id: "erased" };
  assert.deepEqual(found, [
    { country: null, ...erased, masked_email: null },
    { country: "DE", ...erased, masked_email: "erased" },
  ]);
  const others = await sql(
    `SELECT FROM user_logins WHERE user_id <> '${alice}' AND 'erased' IN (masked_ip, masked_device_id, masked_email)`,
  );
  assert.equal(others.length, 0);
  const [left] = await sql(
    `SELECT count(*)::integer AS count FROM maskline.vault NATURAL JOIN user_logins WHERE user_id = '${alice}'`,
  );
  assert.deepEqual(left, { count: 0 });
}

const why = ["--purpose", "exercise", "--ticket", "EX-1", "--justification", "A field more"];

/** The id of a grant that Adam approved. */
async function request(
  { adam }: Stage,
  person: Recover,
  terms: readonly string[],
): Promise<string> {
  const asked = await orThrow(person(["request", ...terms, ...why, "--json"]));
  const { grant } = JSON.parse(asked) as { grant: string };
  await orThrow(adam(["approve", grant]));
  return grant;
}

function linesOf(jsonl: string): Record<string, string>[] {
  const lines = jsonl.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Record<string, string>);
}
