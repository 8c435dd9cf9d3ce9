/** One call of the tool: parses the command line, does the command, turns its end into an exit code. */

import { isWanted, recordRun, type Sample } from "@org/run-metrics";
import { Command } from "commander";
import { auditCommands } from "./commands/audit.ts";
import { approve, deny } from "./commands/approve.ts";
import { completion } from "./commands/completion.ts";
import { consoleCommand } from "./commands/console.ts";
import { dossier } from "./commands/dossier.ts";
import { erase } from "./commands/erase.ts";
import { erasureCommands } from "./commands/erasure.ts";
import { keysCommands } from "./commands/keys.ts";
import { list } from "./commands/list.ts";
import { lookup } from "./commands/lookup.ts";
import { quarantineCommands } from "./commands/quarantine.ts";
import { request } from "./commands/request.ts";
import { retoken } from "./commands/retoken.ts";
import { revoke } from "./commands/revoke.ts";
import { rewrap } from "./commands/rewrap.ts";
import { unmask } from "./commands/unmask.ts";
import { withFile } from "./config.ts";
import { explain } from "./explain.ts";
import type { Edge, MeasuredEdge } from "./edge.ts";
import { exit, type ExitCode } from "@org/recovery";

export async function run(argv: readonly string[], edge: Edge): Promise<ExitCode> {
  const startedAtMs = performance.now();
  const samples: Sample[] = [];
  // Commands read their settings when they run: then with those of --env-file.
  const own: Own = {
    ...edge,
    command: null,
    async measure(read) {
      if (isWanted(own.env)) samples.push(...(await read()));
    },
  };
  const exitCode = await end(argv, own);
  if (own.command !== null) {
    const run = { command: own.command, exitCode, startedAtMs, samples };
    const fault = await recordRun(own.env, run);
    if (fault !== null) own.stderr.write(`${fault}\n`);
  }
  return exitCode;
}

async function end(argv: readonly string[], own: Own): Promise<ExitCode> {
  try {
    await program(own).parseAsync([...argv], { from: "user" });
    return exit.done;
  } catch (error) {
    return explain(error, own);
  }
}

type Own = Omit<MeasuredEdge, "env"> & {
  env: Edge["env"];
  /** With its groups, as one types it; null until one is found to be meant. */
  command: string | null;
};

const groups: readonly [string, readonly ((edge: MeasuredEdge) => Command)[]][] = [
  ["Asking and deciding:", [request, list, approve, deny, revoke, consoleCommand]],
  ["Looking:", [unmask, lookup, dossier, quarantineCommands]],
  ["Custodian's work:", [erase, rewrap, retoken, keysCommands]],
  ["Evidence and help:", [auditCommands, erasureCommands, completion]],
];

function program(edge: Own): Command {
  const root = new Command("recover")
    .description("Keys, governed recovery, erasure and audit for Maskline.")
    .helpCommand(true)
    .option("--env-file <path>", "take settings from this file too; no other is read")
    .hook("preAction", (command, action) => {
      edge.command = nameOf(action);
      const { envFile } = command.opts<{ envFile?: string }>();
      if (envFile !== undefined) edge.env = withFile(edge.env, envFile);
    })
    .showHelpAfterError("(add --help for examples)")
    .addHelpText(
      "after",
      `
Exit codes: 0 done, 1 unexpected, 2 usage or configuration, 3 denied, 4 not found,
5 cannot be opened, 20 audit unavailable, 30 tampering found.`,
    );
  for (const [title, commands] of groups) {
    for (const command of commands) root.addCommand(command(edge).helpGroup(title));
  }
  return withEdge(root, edge);
}

function nameOf(command: Command): string {
  const { parent } = command;
  return parent === null ? command.name() : `${nameOf(parent)} ${command.name()}`;
}

/** Commander writes and exits by itself unless each command is told not to. */
function withEdge(command: Command, edge: Edge): Command {
  command.exitOverride().configureOutput({
    writeOut: (text) => void edge.stdout.write(text),
    writeErr: (text) => void edge.stderr.write(text),
  });
  for (const child of command.commands) withEdge(child, edge);
  return command;
}
