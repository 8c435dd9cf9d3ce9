/** The people of the walk: their logins, roles and keys. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createLogin, execute } from "@org/local";
import type { Stack } from "../stack.ts";
import { createPerson, type Person, type Say } from "./person.ts";

export interface Cast {
  /** May ask, and may also approve: just not her own requests. */
  readonly rita: Person;
  readonly adam: Person;
  readonly carla: Person;
  readonly otto: Person;
}

/** Gives each these settings, a login, a signing key of their own, and the same recover keyring. */
export async function hire(
  stack: Pick<Stack, "adminUrl" | "consumerEnv" | "directory" | "privateKeyringFile">,
  say: Say,
  settings: Readonly<Record<string, string>> = {},
): Promise<Cast> {
  await mkdir(join(stack.directory, "checkpoints"), { mode: 0o700 });
  const hireOne = async (login: string, role: string): Promise<Person> => {
    const { directory } = stack;
    const env = {
      RECOVER_DATABASE_URL: await createLogin(stack.adminUrl, { name: login, memberOf: role }),
      RECOVER_PRIVATE_KEYRING: stack.privateKeyringFile,
      RECOVER_KEYRING: join(directory, "recover.keyring.json"),
      RECOVER_SIGNING_KEY: join(directory, `${login}.pem`),
      MASKLINE_CONTRACT: stack.consumerEnv["MASKLINE_CONTRACT"] ?? "",
      MASKLINE_KEYRING: stack.consumerEnv["MASKLINE_KEYRING"] ?? "",
      ...settings,
    };
    const person = createPerson(login, { env, directory, say });
    const files = ["--key", `${login}.pem`, "--keyring", "recover.keyring.json"];
    const sink = ["--sink", "checkpoints"];
    await person.type(["keys", "signer", "--login", login, ...files, ...sink], {
      exitCode: 0,
      quiet: true,
    });
    return person;
  };
  const rita = await hireOne("rita", "maskline_requester");
  const adam = await hireOne("adam", "maskline_approver");
  const carla = await hireOne("carla", "maskline_custodian");
  const otto = await hireOne("otto", "maskline_auditor");
  await execute(stack.adminUrl, ["GRANT maskline_approver TO rita"]);
  return { rita, adam, carla, otto };
}
