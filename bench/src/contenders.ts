/** Who takes part end to end, and how each is started. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Contender } from "./contender.ts";

export interface Entrant extends Contender {
  /** Messages of one round: some three seconds' worth. */
  readonly messages: number;
  /** Why it cannot run here; null if it can. */
  readonly missing?: () => Promise<string | null>;
}

const run = promisify(execFile);

const consumer = node(fileURLToPath(new URL("../../apps/consumer/src/main.ts", import.meta.url)));

export const ours: Readonly<Record<"vaultOff" | "vaultOn", Contender>> = {
  vaultOff: {
    name: "ours",
    label: "ours, vault off",
    command: consumer,
    env: { MASKLINE_VAULT: "off" },
    writesTo: "maskline",
  },
  vaultOn: {
    name: "ours-vault",
    label: "ours, vault on",
    command: consumer,
    env: { MASKLINE_VAULT: "on" },
    writesTo: "maskline",
  },
};

export const entrants: readonly Entrant[] = [
  {
    name: "natural",
    label: "natural, 1 loop",
    command: [...script("natural.ts"), "1"],
    writesTo: "plain",
    messages: 8_000,
  },
  {
    name: "natural-16",
    label: "natural, 16 loops",
    command: [...script("natural.ts"), "16"],
    writesTo: "plain",
    messages: 15_000,
  },
  {
    name: "sqs-consumer",
    label: "sqs-consumer and pg",
    command: script("sqs-consumer.ts"),
    writesTo: "plain",
    messages: 8_000,
  },
  {
    name: "python",
    label: "the original, in Python",
    command: ["python3", contenderFile("original.py")],
    writesTo: "plain",
    messages: 1_500,
    missing: async () =>
      run("python3", ["-c", "import boto3, psycopg2"]).then(
        () => null,
        () => "skipped: python3 with boto3 and psycopg2 is not installed",
      ),
  },
  {
    name: "redpanda-connect",
    label: "Redpanda Connect",
    command: ["redpanda-connect", "run", contenderFile("redpanda-connect.yaml")],
    writesTo: "plain",
    messages: 40_000,
    missing: async () =>
      run("redpanda-connect", ["--version"]).then(
        () => null,
        () => "skipped: redpanda-connect is not on PATH",
      ),
  },
  {
    name: "receive-delete",
    label: "our receive and delete alone",
    command: script("receive-delete.ts"),
    writesTo: null,
    messages: 150_000,
  },
  { ...ours.vaultOff, messages: 100_000 },
  { ...ours.vaultOn, messages: 60_000 },
];

function script(name: string): readonly [string, ...string[]] {
  return node(contenderFile(name));
}

function node(file: string): readonly [string, ...string[]] {
  return [process.execPath, "--conditions=@org/source", file];
}

function contenderFile(name: string): string {
  return fileURLToPath(new URL(`./contenders/${name}`, import.meta.url));
}
