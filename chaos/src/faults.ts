/** The catalogue of faults. */
import { clockWrong, keysWrong, terminated } from "./faults/operator.ts";
import {
  commitReplyLost,
  databaseCrash,
  databaseDown,
  databaseReadOnly,
  diskFull,
  halfOpenSocket,
  slowCommit,
} from "./faults/database.ts";
import {
  killedAfterCommit,
  killedAfterReceive,
  killedAnyTime,
  killedBeforeCommit,
  killedMidDelete,
} from "./faults/kills.ts";
import { bombs, deadLettersDrained, groupBlocked } from "./faults/messages.ts";
import {
  deletesFail,
  deliveredTwice,
  queueRefuses,
  queueRestart,
  receivesFail,
} from "./faults/queue.ts";
import type { QueueKind } from "./options.ts";
import type { QueueServerName } from "./queue-servers.ts";
import type { FaultDefinition } from "./scene.ts";

export const faults: readonly FaultDefinition[] = [
  killedAnyTime,
  killedAfterReceive,
  killedBeforeCommit,
  killedAfterCommit,
  killedMidDelete,
  databaseCrash,
  commitReplyLost,
  databaseDown,
  databaseReadOnly,
  halfOpenSocket,
  slowCommit,
  diskFull,
  deletesFail,
  deliveredTwice,
  receivesFail,
  queueRefuses,
  queueRestart,
  clockWrong,
  keysWrong,
  bombs,
  terminated,
  groupBlocked,
  deadLettersDrained,
];

export function faultsFor(at: {
  server: QueueServerName;
  kind: QueueKind;
  vault: boolean;
}): FaultDefinition[] {
  return faults.filter(
    ({ kind = at.kind, needsVault = false, needsHostileServer = false }) =>
      kind === at.kind &&
      (at.vault || !needsVault) &&
      (at.server === "hostile" || !needsHostileServer),
  );
}
