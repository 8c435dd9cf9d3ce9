/** Bodies meant to harm, groups that one message blocks, and the way back from the dead-letter queue. */
import { bombsFor } from "./bombs.ts";
import { untilEmpty } from "../scene.ts";
import type { FaultDefinition } from "../scene.ts";

/** Well above an idle consumer and its buffers, well below what a hundred of these bodies come to. */
const mostResidentBytes = 640 * 1024 * 1024;

export const bombs: FaultDefinition = {
  name: "bombs",
  what: "bodies of 1 MiB, of 10,000 levels, of 100,000 keys; memory stays bounded",
  enough: 30,
  async strike({ stage, fleet, producer, expect, hit, pause }) {
    const bodies = bombsFor(stage.contract);
    await fleet.untilReady();
    for (let round = 0; round < 6; round += 1) {
      await producer.sendBombs(bodies);
      for (const _ of bodies) hit();
    }
    await pause(1_000);
    const bytes = await fleet.mostBytes();
    expect(bytes < mostResidentBytes, "a consumer grew beyond its bound");
  },
};

export const groupBlocked: FaultDefinition = {
  name: "group_blocked",
  what: "FIFO: refused messages stand at the head of every group; order is kept",
  kind: "fifo",
  enough: 15,
  async strike({ fleet, producer, hit, pause }) {
    await fleet.untilReady();
    for (let poison = 0; poison < 15; poison += 1) {
      await producer.sendBombs(['{"foo":"oops_wrong_msg_type","bar":"123"}']);
      hit();
      await pause(100);
    }
  },
};

export const deadLettersDrained: FaultDefinition = {
  name: "dead_letters_drained",
  what: "committed messages reach the dead-letter queue, and draining it adds no row",
  needsVault: true,
  needsHostileServer: true,
  enough: 10,
  async strike(scene) {
    const { stage, fleet, producer, expect, hit, until } = scene;
    await fleet.untilReady();
    const alreadyDead = new Set(await stage.server.messageIds(stage.deadLetterUrl));
    stage.hooks = {
      request: ({ operation }, consumer) =>
        operation === "DeleteMessageBatch" && consumer !== null ? { kind: "undeleted" } : null,
    };
    const countDead = async (): Promise<number> => {
      const ids = await stage.server.messageIds(stage.deadLetterUrl);
      return ids.filter((id) => !alreadyDead.has(id)).length;
    };
    await until("ten messages were dead-lettered", async () => (await countDead()) >= 10);
    await producer.pause();
    stage.hooks = {};
    await untilEmpty(scene);

    for (let count = await countDead(); count > 0; count -= 1) hit();
    const env = { ...stage.consumerEnv(0), SQS_QUEUE_URL: stage.deadLetterUrl };
    const { code } = await fleet.runApart({ env, args: ["--until-empty"] });
    expect(code === 0, "draining the dead-letter queue failed");
    expect(
      (await stage.server.messageIds(stage.deadLetterUrl)).length === 0,
      "the dead-letter queue was not drained",
    );
  },
};
