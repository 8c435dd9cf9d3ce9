/** Whether requests can be answered: found out at most every five seconds, whoever asks and how often. */

const keptMs = 5_000;
const answerMs = 2_000;

/** @param check - What goes wrong in it is a no: the reason is not for whoever asks. */
export function createReadiness(check: () => Promise<boolean>): () => Promise<boolean> {
  let checked = { untilMs: 0, answer: Promise.resolve(false), isUnderWay: false };
  return () => {
    if (checked.isUnderWay || Date.now() < checked.untilMs) return within(checked.answer);
    const answer = check().catch(() => false);
    const fresh = { untilMs: Date.now() + keptMs, answer, isUnderWay: true };
    checked = fresh;
    void answer.then(() => (fresh.isUnderWay = false));
    return within(answer);
  };
}

/** A check that hangs is none, and no other is begun beside it. */
function within(answer: Promise<boolean>): Promise<boolean> {
  const late = new Promise<boolean>((resolve) => {
    setTimeout(resolve, answerMs, false).unref();
  });
  return Promise.race([answer, late]);
}
