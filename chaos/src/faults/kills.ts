/** SIGKILL, at any time and at the moments that decide. */
import type { Fault } from "@org/faults/hostile-queue-server";

import { messagesOf } from "../stage.ts";
import type { Hooks } from "../stage.ts";
import type { FaultDefinition, Scene } from "../scene.ts";

const enough = 4;

export const killedAnyTime: FaultDefinition = {
  name: "killed_any_time",
  what: "a consumer is killed every 0.2 to 3 seconds",
  enough,
  async strike({ fleet, random, pause, hit, hits }) {
    while (hits() < enough) {
      await pause(random.integer(200, 3_000));
      if (fleet.kill(random.integer(0, fleet.size - 1))) hit();
    }
  },
};

/** Kills whichever consumer comes to a moment, until enough did. One that starts again is in turn as well. */
function killAt(
  definition: Omit<FaultDefinition, "strike" | "enough">,
  arm: (kill: (consumer: number | null) => boolean, scene: Scene) => Hooks,
): FaultDefinition {
  return {
    ...definition,
    enough,
    async strike(scene) {
      const { stage, fleet, journal, until, hit, hits } = scene;
      const kill = (consumer: number | null): boolean => {
        if (hits() >= enough || consumer === null || !fleet.kill(consumer)) return false;
        journal.note(definition.name, { consumer });
        hit();
        return true;
      };
      stage.hooks = arm(kill, scene);
      await until(`consumers were ${definition.name}`, () => hits() >= enough);
    },
  };
}

export const killedAfterReceive: FaultDefinition = killAt(
  {
    name: "killed_after_receive",
    what: "killed when messages have been handed to it",
    needsHostileServer: true,
  },
  (kill) => ({
    answered({ operation }, consumer, answer) {
      if (operation === "ReceiveMessage" && messagesOf(answer).length > 0) kill(consumer);
    },
  }),
);

export const killedBeforeCommit: FaultDefinition = killAt(
  { name: "killed_before_commit", what: "killed when its batch is on its way to PostgreSQL" },
  (kill) => ({
    writing(consumer, connection) {
      if (kill(consumer)) connection.setFault({ kind: "reset" });
    },
  }),
);

export const killedAfterCommit: FaultDefinition = killAt(
  { name: "killed_after_commit", what: "killed when its batch is committed and it does not know" },
  (kill) => ({
    committed(consumer, connection) {
      if (kill(consumer)) connection.setFault({ kind: "reset" });
    },
  }),
);

export const killedMidDelete: FaultDefinition = killAt(
  {
    name: "killed_mid_delete",
    what: "killed when its delete arrives, which is then done or not",
    needsHostileServer: true,
  },
  (kill, { random }) => ({
    request({ operation }, consumer) {
      const isKilled = operation === "DeleteMessageBatch" && kill(consumer);
      const dropped: Fault = { kind: "dropped" };
      return isKilled && random.chance(1, 2) ? dropped : null;
    },
  }),
);
