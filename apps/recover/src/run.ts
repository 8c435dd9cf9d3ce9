/** One call of the tool: parses the command line, does the command, turns its end into an exit code. */

import { MaskingError } from "@org/masking";
import { Command, CommanderError } from "commander";
import { keysCommands } from "./commands/keys.ts";
import type { Edge } from "./edge.ts";
import { exit, type ExitCode, RecoverError } from "./exit.ts";

export async function run(argv: readonly string[], edge: Edge): Promise<ExitCode> {
  try {
    await program(edge).parseAsync([...argv], { from: "user" });
    return exit.done;
  } catch (error) {
    return explain(error, edge);
  }
}

function program(edge: Edge): Command {
  const root = new Command("recover")
    .description("Keys, governed recovery, erasure and audit for Maskline.")
    .helpCommand(true)
    .showHelpAfterError("(add --help for examples)")
    .addHelpText(
      "after",
      `
Exit codes: 0 done, 1 unexpected, 2 usage or configuration, 3 denied, 4 not found,
5 cannot be opened, 20 audit unavailable, 30 tampering found.`,
    );
  root.addCommand(keysCommands(edge));
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

function explain(error: unknown, edge: Edge): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exit.done : exit.configuration;
  if (error instanceof RecoverError) {
    const faults = error.faults.map((fault) => `  - ${fault}\n`);
    edge.stderr.write(`${error.message}\n${faults.join("")}${error.advice}\n`);
    return error.exitCode;
  }
  if (error instanceof MaskingError) {
    edge.stderr.write(`${error.message}\n`);
    return error.code === "ERR_MASKING_UNSEAL_FAILED" ? exit.unsealFailed : exit.configuration;
  }
  // The message of an error that nobody foresaw may quote a value.
  edge.stderr.write(`Unexpected fault (${error instanceof Error ? error.name : typeof error}).\n`);
  return exit.unexpected;
}
