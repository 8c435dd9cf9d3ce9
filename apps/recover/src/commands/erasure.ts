/** `recover erasure`: what was erased, and what became of it. */

import { Command } from "commander";
import type { Edge } from "../edge.ts";
import { erasureList } from "./erasure-list.ts";
import { erasureVerify } from "./erasure-verify.ts";

export function erasureCommands(edge: Edge): Command {
  return new Command("erasure")
    .description("list what was erased, and check what became of it")
    .addCommand(erasureList(edge))
    .addCommand(erasureVerify(edge));
}
