/** `recover keys`: the commands that make and change keys. */

import { Command } from "commander";
import type { Edge } from "../edge.ts";
import { keysAdd } from "./keys-add.ts";
import { keysDisable } from "./keys-disable.ts";
import { keysInit } from "./keys-init.ts";
import { keysList } from "./keys-list.ts";
import { keysPasskey } from "./keys-passkey.ts";
import { keysPromote } from "./keys-promote.ts";
import { keysSigner } from "./keys-signer.ts";
import { keysStatus } from "./keys-status.ts";

export function keysCommands(edge: Edge): Command {
  const keys = new Command("keys").description("make, list and change keys");
  const commands = [
    keysInit,
    keysSigner,
    keysPasskey,
    keysList,
    keysStatus,
    keysAdd,
    keysPromote,
    keysDisable,
  ];
  for (const command of commands) keys.addCommand(command(edge));
  return keys;
}
