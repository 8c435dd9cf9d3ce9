/** The catalogue of faults. */
import { clockWrong, keysWrong, parametersLogged, terminated } from "./faults/operator.ts";
import {
  commitReplyLost,
  databaseCrash,
  databaseDown,
  databaseReadOnly,
  diskFull,
  halfOpenSocket,
  slowCommit,
} from "./faults/database.ts";
import { erasedUnderSnapshot } from "./faults/erasure.ts";
import {
  killedAfterCommit,
  killedAfterReceive,
  killedAnyTime,
  killedBeforeCommit,
  killedMidDelete,
} from "./faults/kills.ts";
import { bombs, deadLettersDrained, groupBlocked } from "./faults/messages.ts";
import { answersOdd } from "./faults/odd-answers.ts";
import {
  damagedOnly,
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
  answersOdd,
  damagedOnly,
  queueRefuses,
  queueRestart,
  clockWrong,
  keysWrong,
  parametersLogged,
  erasedUnderSnapshot,
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
