/** From a full queue to committed rows and an empty queue, each contender a process of its own. */
import type { Bench, Candidate, Claim } from "../bench.ts";
import { measureContender } from "../contender.ts";
import { bentos, type Entrant, entrants } from "../contenders.ts";
import { openStage, type Stage } from "../stage.ts";

export const endToEnd: Bench = {
  name: "end-to-end",
  title: "End to end: queue to committed rows",
  unit: "messages",
  baseline: "natural",
  claims: [
    { text: "vault off ≥ 10 × natural", of: "ours", to: "natural", atLeast: 10 },
    { text: "vault on ≥ 8 × natural", of: "ours-vault", to: "natural", atLeast: 8 },
    { text: "vault off ≥ 10 × sqs-consumer and pg", of: "ours", to: "sqs-consumer", atLeast: 10 },
    { text: "vault off ≥ 20 × the original", of: "ours", to: "python", atLeast: 20 },
    { text: "vault on ≥ 20 × the original", of: "ours-vault", to: "python", atLeast: 20 },
    ...bentos.flatMap(({ name, label }): Claim[] => [
      {
        text: `vault off ≤ 1/3 of the CPU, with PostgreSQL's, of ${label}`,
        of: "ours",
        to: name,
        metric: "totalCpuMicros",
        atMost: 1 / 3,
      },
      {
        text: `vault on ≤ 1/2 of the same`,
        of: "ours-vault",
        to: name,
        metric: "totalCpuMicros",
        atMost: 1 / 2,
      },
    ]),
    {
      text: "vault off ≤ 1.7 × the CPU of receive and delete alone",
      of: "ours",
      to: "receive-delete",
      metric: "cpuMicros",
      atMost: 1.7,
    },
    {
      text: "vault on ≤ 2.5 × the CPU of receive and delete alone",
      of: "ours-vault",
      to: "receive-delete",
      metric: "cpuMicros",
      atMost: 2.5,
    },
    { text: "vault on ≥ 0.5 × vault off", of: "ours-vault", to: "ours", atLeast: 0.5 },
  ],
  async open({ scale, seconds, rttMs, dbRttMs }) {
    const stage = await openStage({ scale, rttMs, dbRttMs });
    return {
      candidates: await Promise.all(
        entrants.map((entrant) => toCandidate(entrant, stage, seconds)),
      ),
      [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
    };
  },
};

/** @param at - Added to name and label, where one entrant is measured on two stages. */
export async function toCandidate(
  entrant: Entrant,
  stage: Stage,
  seconds: number,
  at: { readonly name: string; readonly label: string } = { name: "", label: "" },
): Promise<Candidate> {
  return {
    name: `${entrant.name}${at.name}`,
    label: `${entrant.label}${at.label}`,
    skipped: (await entrant.missing?.()) ?? null,
    measure: async () => measureContender(entrant, stage, { seconds }),
  };
}
