/** One call of the tool: parses the command line, does the command, turns its end into an exit code. */

import { Command } from "commander";
import { auditCommands } from "./commands/audit.ts";
import { approve, deny } from "./commands/approve.ts";
import { completion } from "./commands/completion.ts";
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
import type { Edge } from "./edge.ts";
import { exit, type ExitCode } from "./exit.ts";

export async function run(argv: readonly string[], edge: Edge): Promise<ExitCode> {
  // Commands read their settings when they run: then with those of --env-file.
  const own: Own = { ...edge };
  try {
    await program(own).parseAsync([...argv], { from: "user" });
    return exit.done;
  } catch (error) {
    return explain(error, own);
  }
}

type Own = Omit<Edge, "env"> & { env: Edge["env"] };

const groups: readonly [string, readonly ((edge: Edge) => Command)[]][] = [
  ["Asking and deciding:", [request, list, approve, deny, revoke]],
  ["Looking:", [unmask, lookup, quarantineCommands]],
  ["Custodian's work:", [erase, rewrap, retoken, keysCommands]],
  ["Evidence and help:", [auditCommands, erasureCommands, completion]],
];

function program(edge: Own): Command {
  const root = new Command("recover")
    .description("Keys, governed recovery, erasure and audit for Maskline.")
    .helpCommand(true)
    .option("--env-file <path>", "take settings from this file too; no other is read")
    .hook("preAction", (command) => {
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

/** Commander writes and exits by itself unless each command is told not to. */
function withEdge(command: Command, edge: Edge): Command {
  command.exitOverride().configureOutput({
    writeOut: (text) => void edge.stdout.write(text),
    writeErr: (text) => void edge.stderr.write(text),
  });
  for (const child of command.commands) withEdge(child, edge);
  return command;
}
