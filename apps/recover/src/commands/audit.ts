/** `recover audit`: reads, checks and anchors the audit chain. */

import { Command } from "commander";
import type { MeasuredEdge } from "../edge.ts";
import { auditCheckpoint } from "./audit-checkpoint.ts";
import { auditExport, auditList } from "./audit-list.ts";
import { auditSettle } from "./audit-settle.ts";
import { auditVerify } from "./audit-verify.ts";

export function auditCommands(edge: MeasuredEdge): Command {
  const commands = [auditList, auditExport, auditVerify, auditCheckpoint, auditSettle];
  const audit = new Command("audit").description("read, check and anchor the audit chain");
  for (const command of commands) audit.addCommand(command(edge));
  return audit;
}
