/** From a full queue to committed rows and an empty queue, each contender a process of its own. */
import type { Bench, Candidate } from "../bench.ts";
import { measureContender } from "../contender.ts";
import { type Entrant, entrants } from "../contenders.ts";
import { openStage, type Stage } from "../stage.ts";

export const endToEnd: Bench = {
  name: "end-to-end",
  title: "End to end: queue to committed rows",
  unit: "messages",
  baseline: "natural",
  claims: [
    { text: "vault off ≥ 10 × natural", of: "ours", to: "natural", atLeast: 10 },
    { text: "vault on ≥ 10 × natural", of: "ours-vault", to: "natural", atLeast: 10 },
    { text: "vault off ≥ 10 × sqs-consumer and pg", of: "ours", to: "sqs-consumer", atLeast: 10 },
    {
      text: "vault on ≥ 10 × sqs-consumer and pg",
      of: "ours-vault",
      to: "sqs-consumer",
      atLeast: 10,
    },
    { text: "vault off ≥ 20 × the original", of: "ours", to: "python", atLeast: 20 },
    { text: "vault on ≥ 20 × the original", of: "ours-vault", to: "python", atLeast: 20 },
    {
      text: "per CPU-second ≥ 3 × Redpanda Connect",
      of: "ours",
      to: "redpanda-connect",
      metric: "perCpuSecond",
      atLeast: 3,
    },
    {
      text: "vault off ≥ 0.7 × receive and delete alone",
      of: "ours",
      to: "receive-delete",
      atLeast: 0.7,
    },
    { text: "vault on ≥ 0.5 × vault off", of: "ours-vault", to: "ours", atLeast: 0.5 },
  ],
  async open({ scale, rttMs, dbRttMs }) {
    const stage = await openStage({ rttMs, dbRttMs });
    return {
      candidates: await Promise.all(entrants.map((entrant) => toCandidate(entrant, stage, scale))),
      [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
    };
  },
};

async function toCandidate(entrant: Entrant, stage: Stage, scale: number): Promise<Candidate> {
  const messages = Math.ceil(entrant.messages * scale);
  // A JIT and a planner need some thousand messages to settle; a third of a round is that.
  const load = { warmUp: Math.ceil(messages / 3), messages };
  return {
    name: entrant.name,
    label: entrant.label,
    skipped: (await entrant.missing?.()) ?? null,
    measure: async () => measureContender(entrant, stage, load),
  };
}
