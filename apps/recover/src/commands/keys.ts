/** `recover keys`: the commands that make and change keys. */

import { Command } from "commander";
import type { Edge } from "../edge.ts";
import { keysInit } from "./keys-init.ts";
import { keysSigner } from "./keys-signer.ts";

export function keysCommands(edge: Edge): Command {
  return new Command("keys")
    .description("make, list and change keys")
    .addCommand(keysInit(edge))
    .addCommand(keysSigner(edge));
}
