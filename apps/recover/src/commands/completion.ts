/** `recover completion`: a script by which the shell completes commands and options. */

import { Argument, Command } from "commander";
import type { Edge } from "../edge.ts";

type Shell = "bash" | "zsh" | "fish";

export function completion(edge: Edge): Command {
  const command = new Command("completion");
  return command
    .description("print a completion script for a shell")
    .addArgument(new Argument("<shell>").choices(["bash", "zsh", "fish"]))
    .addHelpText(
      "after",
      `
The scripts complete a command named recover, such as this alias:
  alias recover='pnpm -s --dir /path/of/maskline recover'

Examples:
  pnpm -s recover completion bash > ~/.local/share/bash-completion/completions/recover
  pnpm -s recover completion zsh > "\${fpath[1]}/_recover"
  pnpm -s recover completion fish > ~/.config/fish/completions/recover.fish`,
    )
    .action((shell: Shell) => {
      const words = collectWords(command.parent ?? command);
      edge.stdout.write(shell === "fish" ? fishScript(words) : shellScript(words, shell));
    });
}

/** Each command by its path ("keys add"), with what may follow it. */
type Words = ReadonlyMap<string, readonly string[]>;

function collectWords(command: Command, path = ""): Words {
  const subcommands = command.commands.map((child) => child.name());
  const options = command.options.flatMap(({ long }) => (long ? [long] : []));
  return new Map([
    [path, [...subcommands, ...options, "--help"]],
    ...command.commands.flatMap((child) => [
      ...collectWords(child, `${path} ${child.name()}`.trim()),
    ]),
  ]);
}

function shellScript(words: Words, shell: "bash" | "zsh"): string {
  const cases = [...words]
    .map(([path, next]) => `    "${path}") words="${next.join(" ")}" ;;`)
    .join("\n");
  const bash = `_recover() {
  local path="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) break ;; *) path="\${path:+$path }$word" ;; esac
  done
  case "$path" in
${cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _recover recover
`;
  return shell === "bash"
    ? bash
    : `#compdef recover\nautoload -U +X bashcompinit && bashcompinit\n${bash}`;
}

function fishScript(words: Words): string {
  const lines = [...words].flatMap(([path, next]) => {
    const test =
      path === ""
        ? "__fish_use_subcommand"
        : path
            .split(" ")
            .map((word) => `__fish_seen_subcommand_from ${word}`)
            .join("; and ");
    return next.map((word) => {
      const what = word.startsWith("--") ? `-l ${word.slice(2)}` : `-a ${word}`;
      return `complete -c recover -f -n "${test}" ${what}`;
    });
  });
  return `${lines.join("\n")}\n`;
}
