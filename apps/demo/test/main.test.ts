import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, glob, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { query } from "@org/local";
import { type AnyContract, createParser, loadContract, login, sampleMessages } from "@org/schema";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const main = join(import.meta.dirname, "../src/main.ts");

const timeout = 300_000;

/** Where the demo puts everything it makes, so that a test sees what is left of it. */
let temporary: string;

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), "demo-test-"));
  await chmod(temporary, 0o755);
});

afterEach(() => rm(temporary, { recursive: true }));

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(...args: string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, ["--conditions=@org/source", main, ...args], {
    env: { ...process.env, TMPDIR: temporary, NO_COLOR: "1" },
  });
}

async function resultOf(demo: ChildProcessWithoutNullStreams): Promise<Result> {
  const closed = once(demo, "close");
  const [stdout, stderr] = await Promise.all([text(demo.stdout), text(demo.stderr)]);
  await closed;
  return { code: demo.exitCode, stdout, stderr };
}

async function waitForFile(pattern: string): Promise<void> {
  const isThere = async (): Promise<boolean> => {
    const { done } = await glob(pattern, { cwd: temporary }).next();
    return !done;
  };
  await vi.waitUntil(isThere, { timeout, interval: 50 });
}

const orders = join(import.meta.dirname, "../../../examples/orders.contract.ts");

describe.each(["login", orders])("pnpm demo --contract %s", { timeout }, async (reference) => {
  const contract = await loadContract(reference);

  it("gives every message one outcome, and says so in one line of JSON", async () => {
    const args = ["--messages", "300", "--seed", "7", "--json"];
    const result = await resultOf(start(...args, "--contract", reference));

    const wrongShapes = sampleMessages(contract, { count: 300, seed: 7 }).filter(
      ({ kind }) => kind === "wrong_shape",
    ).length;
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout.split("\n")).toHaveLength(2);
    expect(JSON.parse(result.stdout)).toEqual({
      sent: 300,
      written: 300 - wrongShapes,
      duplicates: expect.toSatisfy((count: number) => count > 0),
      quarantined: wrongShapes,
      seconds: expect.any(Number),
    });
    expect(await readdir(temporary)).toEqual([]);
  });
});

/** Counts, masked rows and tokens, and nothing that is masked. */
function expectReport(shown: string, contract: AnyContract): void {
  expect(shown).toMatch(/sent +60/);
  expect(shown).toMatch(/mk1\.\w+\.\S+…/);
  expect(shown).not.toContain("\u001B");
  const parse = createParser(contract);
  const masked = contract.fields.filter(({ isMasked }) => isMasked);
  const originals = sampleMessages(contract, { count: 60, seed: 7 }).flatMap(({ body }) => {
    const parsed = parse(body);
    if (parsed.kind === "rejection") return [];
    return masked.flatMap(({ name }) => parsed.message[name] ?? []);
  });
  expect(originals.length).toBeGreaterThan(60);
  expect(originals.filter((original) => shown.includes(String(original)))).toEqual([]);
}

describe("pnpm demo", { timeout }, () => {
  const few = ["--messages", "60", "--seed", "7"];

  it("shows people counts, masked rows and tokens, and nothing that is masked", async () => {
    const { code, stdout } = await resultOf(start(...few, "--contract", orders));
    expect(code).toBe(0);
    expectReport(stdout, await loadContract(orders));
  });

  it("shows the same and leaves the servers up on request, for an analyst who sees tokens alone", async () => {
    const demo = start(...few, "--keep");
    let shown = "";
    demo.stdout.on("data", (chunk: Buffer) => {
      shown += chunk.toString();
    });
    await vi.waitUntil(() => shown.includes("export SQS_QUEUE_URL="), { timeout });
    expectReport(shown, login);
    const analystUrl = /postgres:\/\/analyst\S+/.exec(shown)?.[0] ?? "";

    expect(await query(analystUrl, "SELECT count(*) > 0 AS any FROM user_logins")).toEqual([
      { any: true },
    ]);
    // What is shown is for the consumer: it must not be given what opens the vault.
    expect(shown).not.toContain("RECOVER_");
    await expect(query(analystUrl, "SELECT * FROM maskline.vault")).rejects.toMatchObject({
      code: "42501",
    });

    demo.kill("SIGINT");
    expect(await once(demo, "exit")).toEqual([0, null]);
    await expect(query(analystUrl, "SELECT 1")).rejects.toThrow("ECONNREFUSED");
    expect(await readdir(temporary)).toEqual([]);
  });

  it.each([
    ["while it starts", "*/data/postmaster.pid"],
    ["while it consumes", "*/consumer.log"],
  ])("cleans up after Ctrl-C %s and exits 130", async (_, sign) => {
    const demo = start("--messages", "2000", "--json");
    await waitForFile(sign);
    // As through pnpm: the terminal signals the whole group, and pnpm passes it on.
    demo.kill("SIGINT");
    await sleep(10);
    demo.kill("SIGINT");
    expect(await resultOf(demo)).toEqual({ code: 130, stdout: "", stderr: "" });
    expect(await readdir(temporary)).toEqual([]);
  });

  it("leaves nothing behind when it is killed", async () => {
    const demo = start("--messages", "2000");
    await waitForFile("*/consumer.log");
    demo.kill("SIGKILL");
    await vi.waitFor(async () => expect(await readdir(temporary)).toEqual([]), {
      timeout,
      interval: 100,
    });
  });

  it("explains itself, and what it does not understand", async () => {
    const help = await resultOf(start("--help"));
    const wrong = await resultOf(start("--messages", "none"));
    const contract = await resultOf(start("--contract", "./nothing.contract.ts"));
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toContain("Usage: pnpm demo");
    expect(wrong).toMatchObject({ code: 2, stdout: "" });
    expect(wrong.stderr).toContain("--messages takes a whole number from 1 to 1000000.");
    expect(contract).toMatchObject({ code: 2, stdout: "" });
    expect(contract.stderr).toContain("The contract ./nothing.contract.ts cannot be used:");
  });
});
