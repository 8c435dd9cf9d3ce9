import { afterAll, beforeAll, expect, test } from "vitest";
import { askApproved, type Office, openOffice } from "./office.ts";
import { runRecover } from "./run-recover.ts";

let office: Office;

beforeAll(async () => {
  office = await openOffice();
});

afterAll(() => office[Symbol.asyncDispose]());

const production = { MASKLINE_PROFILE: "production" };

async function unmask(env: Readonly<Record<string, string>>) {
  const [record = ""] = await office.write([{}]);
  const grant = await askApproved(office, office.requester, [
    "unmask",
    "--field",
    office.field,
    "--record",
    record,
  ]);
  return runRecover(["unmask", "--grant", grant, "--print"], {
    ...office.requester.env,
    ...env,
  });
}

test("production refuses a debugger, keys in files, one approval and a directory of checkpoints", async () => {
  const list = await runRecover(["list"], { ...office.requester.env, ...production });
  expect(list).toMatchObject({ code: 2, stdout: "" });
  expect(list.stderr).toContain("debugger in MASKLINE_ALLOW");

  const guarded = { ...production, NODE_OPTIONS: "--disable-sigusr1" };
  const opened = await unmask(guarded);
  expect(opened).toMatchObject({ code: 2, stdout: "" });
  expect(opened.stderr).toContain("file_sink in MASKLINE_ALLOW");

  const allowed = { ...guarded, MASKLINE_ALLOW: "file_sink,one_approval" };
  expect((await unmask(allowed)).stderr).toContain("inline_keys in MASKLINE_ALLOW");
});

test("what is allowed is let pass and warned of; on this machine nothing is said", async () => {
  const opened = await unmask({
    ...production,
    MASKLINE_ALLOW: "debugger,file_sink,one_approval,inline_keys",
  });
  expect(opened.code).toBe(0);
  expect(opened.stderr).toContain("Warning: allowed by MASKLINE_ALLOW: a keyring holds key");
  const local = await unmask({});
  expect(local.code).toBe(0);
  expect(local.stderr).not.toContain("Warning");
});

test("nothing is opened while some login's parameters are logged", async () => {
  const [login] = await office.admin("SELECT current_database() AS name");
  await office.admin(`ALTER DATABASE ${String(login?.["name"])} SET log_statement = 'mod'`);
  try {
    const opened = await unmask({
      ...production,
      MASKLINE_ALLOW: "debugger,file_sink,one_approval,inline_keys",
    });
    expect(opened.code).toBe(2);
    expect(opened.stderr).toContain("logged_parameters in MASKLINE_ALLOW");
  } finally {
    await office.admin(`ALTER DATABASE ${String(login?.["name"])} RESET log_statement`);
  }
});

test("a server that is not verified is not reached from production", async () => {
  const { code, stderr } = await runRecover(["list"], {
    RECOVER_DATABASE_URL: "postgresql://alice:secret@db.invalid/logins",
    NODE_OPTIONS: "--disable-sigusr1",
  });
  expect(code).toBe(2);
  expect(stderr).toContain("sslmode=verify-full");
  expect(stderr).not.toContain("secret");
});
