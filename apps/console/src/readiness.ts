/** Whether requests can be answered: found out at most every five seconds, and told within two. */

import { setTimeout as sleep } from "node:timers/promises";

const keptMs = 5_000;
const answerMs = 2_000;

/** @param check - What goes wrong in it is a no: the reason is not for whoever asks. */
export function createReadiness(check: () => Promise<boolean>): () => Promise<boolean> {
  let kept = { answer: false, untilMs: 0 };
  let checking: Promise<void> | null = null;
  async function find(): Promise<void> {
    const answer = await check().catch(() => false);
    kept = { answer, untilMs: performance.now() + keptMs };
    checking = null;
  }
  return async () => {
    if (performance.now() < kept.untilMs) return kept.answer;
    // None is begun beside one that hangs.
    checking ??= find();
    return Promise.race([checking.then(() => kept.answer), sleep(answerMs, false, { ref: false })]);
  };
}
