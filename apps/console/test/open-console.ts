/** A console over an office: real Postgres, an OpenID provider, the people in its recover keyring. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startIdentityProvider } from "demo/identity-provider";
import { freePort } from "@org/local";
import type { Duty, PasskeyJson, RecoverKeyringJson } from "@org/recovery";
import { pino } from "pino";
import { type Office, openOffice, type Person } from "../../recover/test/office.ts";
import { runRecover } from "../../recover/test/run-recover.ts";
import { compose } from "../src/compose.ts";
import { readConfig } from "../src/config.ts";
import type { Limits } from "../src/ports.ts";

export interface OpenConsole extends AsyncDisposable {
  readonly office: Office;
  readonly origin: string;
  /** In Postgres. */
  readonly login: string;
  /** What it was started with. */
  readonly env: Readonly<Record<string, string>>;
  /** All that it logged. */
  readonly logged: () => string;
  /** Under review, as it were. */
  readonly changeKeyring: (
    change: (keyring: RecoverKeyringJson) => RecoverKeyringJson,
  ) => Promise<void>;
  /** Puts a passkey's entry under a login. */
  readonly enrol: (login: string, entry: PasskeyJson) => Promise<void>;
}

const clientId = "console";
const clientSecret = "a-secret-of-tests-alone";

/** The name at the provider: another than the login, as it is in life. */
export const subOf = (login: string): string => `sub_${login}`;

export interface ConsoleOptions {
  readonly limits?: Limits;
  readonly env?: Readonly<Record<string, string>>;
}

/** Of tests that ask more than people do, and erase in many steps what is little. */
const noLimits: Limits = { perSession: 100_000, perAddress: 100_000, eraseBatches: 1 };

export async function openConsole({
  limits = noLimits,
  env: more = {},
}: ConsoleOptions = {}): Promise<OpenConsole> {
  await using opening = new AsyncDisposableStack();
  const office = opening.use(await openOffice());
  const { requester, approver, auditor, colleague, custodian } = office;
  const people: readonly Person[] = [requester, approver, auditor, colleague, custodian];
  const url = await office.createLogin("maskline_console");
  const login = new URL(url).username;
  for (const person of people) {
    await office.admin(`GRANT ${person.login} TO ${login} WITH INHERIT FALSE`);
  }
  await hireWitness(office, login);

  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const provider = opening.use(
    await startIdentityProvider({
      port: await freePort(),
      people: [...people.map((person) => subOf(person.login)), "stranger"],
      clientId,
      clientSecret,
      redirectUri: `${origin}/signed-in`,
    }),
  );
  const keyringFile = join(office.directory, "maskline.recover.keyring.json");
  const changeKeyring: OpenConsole["changeKeyring"] = async (change) => {
    const keyring = JSON.parse(await readFile(keyringFile, "utf8")) as RecoverKeyringJson;
    await writeFile(keyringFile, JSON.stringify(change(keyring)));
  };
  const duties: Readonly<Record<string, readonly Duty[]>> = {
    [requester.login]: ["request", "witness"],
    [approver.login]: ["approve"],
    [auditor.login]: [],
    [custodian.login]: ["administer"],
  };
  await changeKeyring((keyring) => ({
    ...keyring,
    operators: keyring.operators.map((operator) =>
      people.some((person) => person.login === operator.login)
        ? {
            ...operator,
            duties: duties[operator.login] ?? operator.duties,
            subject: { issuer: provider.issuer, sub: subOf(operator.login) },
          }
        : operator,
    ),
  }));

  const env = {
    INIT_CWD: office.directory,
    CONSOLE_ORIGIN: origin,
    CONSOLE_DATABASE_URL: url,
    CONSOLE_ISSUER: provider.issuer,
    CONSOLE_CLIENT_ID: clientId,
    CONSOLE_CLIENT_SECRET: clientSecret,
    RECOVER_KEYRING: "maskline.recover.keyring.json",
    RECOVER_PRIVATE_KEYRING: "maskline.private-keyring.json",
    RECOVER_SIGNING_KEY: "console.pem",
    MASKLINE_KEYRING: "maskline.keyring.json",
    PORT: String(port),
    ...more,
  };
  const read = readConfig(env);
  if ("faults" in read) throw new Error(read.faults.join("\n"));
  let logged = "";
  const log = pino({ level: "debug" }, { write: (line: string) => void (logged += line) });
  const service = opening.use(await compose(read.config, { log, limits }));
  await service.listen();
  const opened = opening.move();
  return {
    office,
    origin,
    login,
    env,
    logged: () => logged,
    changeKeyring,
    enrol: (person, entry) =>
      changeKeyring((keyring) => ({
        ...keyring,
        operators: keyring.operators.map((operator) =>
          operator.login === person ? { ...operator, keys: [...operator.keys, entry] } : operator,
        ),
      })),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** The console's own key signs checkpoints, and nothing else. */
async function hireWitness({ directory }: Office, login: string): Promise<void> {
  const env = { INIT_CWD: directory, RECOVER_KEYRING: "maskline.recover.keyring.json" };
  const argv = ["keys", "signer", "--login", login, "--key", "console.pem", "--duty", "witness"];
  const hired = await runRecover(argv, env);
  if (hired.code !== 0) throw new Error(hired.stderr);
}
