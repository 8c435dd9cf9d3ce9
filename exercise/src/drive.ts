/** The run itself, in a copy of the tree: old rows, the change, new rows, and everything that is done with either. */
import { fileURLToPath } from "node:url";
import { type Cast, hire } from "demo/cast";
import { consume } from "demo/consume";
import { type Person, UnexpectedEnd } from "demo/person";
import { migrateStack, type Stack, startStack } from "demo/stack";
import { query } from "@org/local";
import { login, sampleMessages } from "@org/schema";
import { addition, failed } from "./changes.ts";
import { edit } from "./tree.ts";

const tree = fileURLToPath(new URL("../../", import.meta.url));
const topic = "arn:aws:sns:eu-central-1:000000000000:logins";
const { signal } = new AbortController();

/** By subject: what each message has of the new fields. */
const people = {
  old: {},
  plain: { country: "FR" },
  full: { country: "DE", email: "Full@example.org" },
  wrapped: { country: "NG", email: "wrapped@example.org" },
} as const;
type Name = keyof typeof people;
const names = Object.keys(people) as Name[];

const masked = login.fields.filter(({ isMasked }) => isMasked).map(({ name }) => name);
/** By which a row is found again. */
const [oldField = ""] = masked;

class NotSo extends Error {
  override readonly name = "NotSo";
}

/** The run ends at the first claim that does not hold: main.ts compares which it was. */
function check(claim: string, holds: boolean): void {
  process.stdout.write(`  ${holds ? "ok" : failed} ${claim}\n`);
  if (!holds) throw new NotSo(claim);
}

/** A sample of the contract as it stood, no value of which another has, with the new fields. */
function messageOf(name: Name): Readonly<Record<string, string | null>> {
  const samples = sampleMessages(login, { count: names.length, seed: 1 });
  const body = samples[names.indexOf(name)]?.body ?? "";
  return { ...JSON.parse(body), [login.subject]: name, ...people[name] };
}

const bodyOf = (name: Name): string => JSON.stringify(messageOf(name));

interface Row {
  readonly [column: string]: string | null;
}

async function rowOf(stack: Stack, name: Name): Promise<Row | undefined> {
  const rows = await query<{ row: Row }>(
    stack.adminUrl,
    "SELECT to_jsonb(entry) AS row FROM user_logins AS entry WHERE user_id = $1",
    [name],
  );
  return rows[0]?.row;
}

/** Asks, has it approved, and resolves with the grant. */
async function ask(
  { adam }: Cast,
  person: Person,
  terms: readonly string[],
  stdin?: string,
): Promise<string> {
  const reason = ["--purpose", "exercise", "--ticket", "EX-1", "--justification", "exercise"];
  const { stdout } = await person.type(["request", ...terms, ...reason], {
    exitCode: 0,
    ...(stdin !== undefined && { stdin }),
  });
  const grant = /recover approve ([0-9a-f-]{36})/.exec(stdout)?.[1] ?? "";
  await adam.type(["approve", grant], { exitCode: 0 });
  return grant;
}

/** By subject; every row is opened under one grant. */
async function checkOriginals(cast: Cast, names: readonly Name[], when: string): Promise<void> {
  const everything = ["--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"];
  const terms = ["unmask", "--field", ...masked, "email", ...everything];
  const grant = await ask(cast, cast.rita, terms);
  const command = ["unmask", "--grant", grant, "--print", "--format", "jsonl"];
  const { stdout } = await cast.rita.type(command, { exitCode: 0 });
  const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
  const opened = lines.map((line) => JSON.parse(line) as Record<string, string>);
  for (const name of names) {
    const sent = messageOf(name);
    const row = opened.find((each) => each[oldField] === sent[oldField]);
    const isWhole = [...masked, "email"].every(
      (field) => (row?.[field] || undefined) === sent[field],
    );
    check(
      `${name}: every original, and none that was not sent, ${when}`,
      row !== undefined && isWhole,
    );
  }
}

async function countFound(cast: Cast, field: string, value: string): Promise<number> {
  const grant = await ask(cast, cast.rita, ["lookup", "--field", field], value);
  const command = ["lookup", "--grant", grant, "--field", field, "--json"];
  const { stdout } = await cast.rita.type(command, { exitCode: 0, stdin: value });
  return (JSON.parse(stdout) as unknown[]).length;
}

const isUnder = (token: string | null | undefined, kid: string): boolean =>
  token?.startsWith(`mk1.${kid}.`) === true;

async function rotate(stack: Stack, cast: Cast): Promise<void> {
  await cast.carla.type(["keys", "add", "--token"], { exitCode: 0 });
  await cast.carla.type(["keys", "promote", "t2", "--token"], { exitCode: 0 });
  const before = await usage(cast);
  check(
    "every token is counted under its key, those of the new field too",
    before === (await countTokens(stack, "t1")),
  );
  const grant = await ask(cast, cast.carla, ["retoken", "--from-key", "t1", "--to-key", "t2"]);
  await cast.carla.type(["retoken", "--grant", grant], { exitCode: 0 });
  check("no token is left under the old key", (await countTokens(stack, "t1")) === 0);
  const row = await rowOf(stack, "full");
  check("the new field's token moved with the others", isUnder(row?.["masked_email"], "t2"));
}

/** As `recover keys status` says. */
async function usage({ carla }: Cast): Promise<number> {
  const { stdout } = await carla.type(["keys", "status", "--json"], { exitCode: 0 });
  const keys = JSON.parse(stdout) as { kind: string; kid: string; uses: string }[];
  return keys
    .filter(({ kind, kid }) => kind === "token" && kid === "t1")
    .reduce((sum, { uses }) => sum + Number(uses), 0);
}

async function countTokens(stack: Stack, kid: string): Promise<number> {
  const [row] = await query<{ count: number }>(
    stack.adminUrl,
    `SELECT count(*)::integer AS count FROM user_logins AS entry, jsonb_each_text(to_jsonb(entry)) AS cell
     WHERE starts_with(cell.value, $1)`,
    [`mk1.${kid}.`],
  );
  return row?.count ?? -1;
}

async function erase(stack: Stack, cast: Cast, name: Name): Promise<void> {
  const grant = await ask(cast, cast.carla, ["erase", "--subject", name]);
  await cast.carla.type(["erase", "--grant", grant, "--subject", name], { exitCode: 0 });
  const row = await rowOf(stack, name);
  const tokens = Object.entries(row ?? {}).filter(([column]) => column.startsWith("masked_"));
  check(
    `${name}: erased, not a token outlives it`,
    tokens.length === masked.length + 1 &&
      tokens.every(([, token]) => token === "erased" || token === null),
  );
}

async function retry(stack: Stack, cast: Cast): Promise<void> {
  const [refused] = await query<{ record_id: string }>(
    stack.adminUrl,
    "SELECT record_id FROM maskline.quarantine",
  );
  const grant = await ask(cast, cast.carla, ["retry", "--quarantined", refused?.record_id ?? ""]);
  await cast.carla.type(["quarantine", "retry", "--grant", grant], { exitCode: 0 });
  const row = await rowOf(stack, "wrapped");
  check("a retry brings the new plain field", row?.["country"] === people.wrapped.country);
  check("a retry masks the new field", isUnder(row?.["masked_email"], "t1"));
}

/** Of every table of the database, as text: as the owner reads it. */
async function countHolding(stack: Stack, text: string): Promise<number> {
  const tables = await query<{ name: string }>(
    stack.adminUrl,
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
     WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  const counts = tables.map(
    ({ name }) => `SELECT 1 FROM ${name} AS entry WHERE entry::text ILIKE '%' || $1 || '%'`,
  );
  return (await query(stack.adminUrl, counts.join(" UNION ALL "), [text])).length;
}

async function main(): Promise<void> {
  await using stack = await startStack({
    contract: login,
    reference: "login",
    forgottenDeletes: 0,
    signal,
  });
  const send = (...bodies: string[]): Promise<string[]> => stack.queue.send(stack.queueUrl, bodies);
  await send(bodyOf("old"));
  await consume(stack, { signal, onProgress: () => {} });

  await edit(tree, addition);
  await migrateStack(stack, signal);
  const envelope = { Type: "Notification", TopicArn: topic, Message: bodyOf("wrapped") };
  await send(bodyOf("plain"), bodyOf("full"), JSON.stringify(envelope));
  await consume(stack, { signal, onProgress: () => {} });

  const cast = await hire(stack, () => {}, { MASKLINE_UNWRAP: topic });
  const old = await rowOf(stack, "old");
  check(
    "old: a row as it was, without what was not sent",
    old?.["country"] === null && old["masked_email"] === null,
  );
  const plain = await rowOf(stack, "plain");
  check(
    "plain: the plain field as sent, none in place of the other",
    plain?.["country"] === people.plain.country && plain["masked_email"] === null,
  );
  const full = await rowOf(stack, "full");
  check("full: the plain field as sent", full?.["country"] === people.full.country);
  check("full: the masked field as a token", isUnder(full?.["masked_email"], "t1"));
  await retry(stack, cast);

  await checkOriginals(cast, names, "as written");
  check(
    "a look-up by the new field finds its one row",
    (await countFound(cast, "email", people.full.email)) === 1,
  );
  check(
    "a look-up by an old field finds an old row",
    (await countFound(cast, oldField, messageOf("old")[oldField] ?? "")) === 1,
  );
  await rotate(stack, cast);
  await checkOriginals(cast, names, "after the key was rotated");
  check("no e-mail stands in any table", (await countHolding(stack, "@example.org")) === 0);
  await erase(stack, cast, "full");
  await erase(stack, cast, "old");
  await checkOriginals(cast, ["plain", "wrapped"], "after others were erased");
  await cast.otto.type(["audit", "verify"], { exitCode: 0 });
}

await main().catch((error: unknown) => {
  if (error instanceof UnexpectedEnd) {
    process.stdout.write(`  ${failed} ${error.message.split("\n")[0]}\n`);
  }
  throw error;
});
