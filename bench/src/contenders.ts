/** Who takes part end to end, and how each is started. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Contender } from "./contender.ts";

export interface Entrant extends Contender {
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
    seals: true,
  },
};

/** As many workers as two cores have use for. */
const twoWorkers = ({ name, label, env, ...contender }: Contender): Contender => ({
  ...contender,
  name: `${name}-workers`,
  label: `${label}, 2 workers`,
  env: { ...env, MASKLINE_WORKERS: "2" },
});

/** With more inputs at a distance; where the queue answers at once, 64 are no faster. */
export const bentos: readonly Entrant[] = [bento("rows", 16), bento("json", 16), bento("json", 64)];

export const entrants: readonly Entrant[] = [
  {
    name: "natural",
    label: "natural, 1 loop",
    command: [...script("natural.ts"), "1"],
    writesTo: "plain",
  },
  {
    name: "natural-16",
    label: "natural, 16 loops",
    command: [...script("natural.ts"), "16"],
    writesTo: "plain",
  },
  {
    name: "sqs-consumer",
    label: "sqs-consumer and pg",
    command: script("sqs-consumer.ts"),
    writesTo: "plain",
  },
  {
    name: "python",
    label: "the original, in Python",
    command: ["python3", contenderFile("original.py")],
    writesTo: "plain",
    missing: async () =>
      run("python3", ["-c", "import boto3, psycopg2"]).then(
        () => null,
        () => "skipped: python3 with boto3 and psycopg2 is not installed",
      ),
  },
  ...bentos,
  {
    name: "receive-delete",
    label: "our receive and delete alone",
    command: script("receive-delete.ts"),
    writesTo: null,
  },
  ours.vaultOff,
  ours.vaultOn,
  twoWorkers(ours.vaultOff),
  twoWorkers(ours.vaultOn),
];

function bento(statement: "rows" | "json", inputs: number): Entrant {
  return {
    name: `bento-${statement}-${inputs}`,
    label: `Bento, ${inputs} inputs, ${statement === "rows" ? "multi-row inserts" : "a JSON array a statement"}`,
    command: ["bento", "run", contenderFile(`bento-${statement}.yaml`)],
    env: { INPUTS: String(inputs) },
    writesTo: "plain",
    missing: async () =>
      run("bento", ["--version"]).then(
        () => null,
        () => "skipped: bento is not on PATH",
      ),
  };
}

function script(name: string): readonly [string, ...string[]] {
  return node(contenderFile(name));
}

function node(file: string): readonly [string, ...string[]] {
  return [process.execPath, "--conditions=@org/source", file];
}

function contenderFile(name: string): string {
  return fileURLToPath(new URL(`./contenders/${name}`, import.meta.url));
}
