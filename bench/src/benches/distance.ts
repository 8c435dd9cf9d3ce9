/** The same contenders where queue and database are at a distance, beside ours where they are not. */
import { openOwnDatabase } from "../bench-database.ts";
import type { Bench, Claim } from "../bench.ts";
import { bentos, entrants, ours } from "../contenders.ts";
import { openStage } from "../stage.ts";
import { toCandidate } from "./end-to-end.ts";

/** As between a service and SQS in one region, and a database in one availability zone. */
const defaults = { rttMs: 25, dbRttMs: 1 };

const near = { name: "-near", label: ", at no distance" };

export const distance: Bench = {
  name: "distance",
  title: "End to end at a distance",
  unit: "messages",
  baseline: "natural",
  isLong: true,
  claims: [
    {
      text: "vault on ≥ 0.95 × at no distance",
      of: "ours-vault",
      to: "ours-vault-near",
      atLeast: 0.95,
    },
    { text: "vault on ≥ 30 × natural", of: "ours-vault", to: "natural", atLeast: 30 },
    ...bentos.flatMap(({ name, label }): Claim[] => [
      { text: `vault off ≥ 3 × ${label}`, of: "ours", to: name, atLeast: 3 },
      { text: "vault on ≥ 2 × the same", of: "ours-vault", to: name, atLeast: 2 },
    ]),
  ],
  async open({ seconds, rttMs, dbRttMs }) {
    await using opening = new AsyncDisposableStack();
    const database = opening.use(await openOwnDatabase());
    const here = opening.use(await openStage({ database }));
    const away = opening.use(
      await openStage({
        database,
        rttMs: rttMs ?? defaults.rttMs,
        dbRttMs: dbRttMs ?? defaults.dbRttMs,
      }),
    );
    const candidates = await Promise.all([
      ...entrants.map(async (entrant) => toCandidate(entrant, away, seconds)),
      ...[ours.vaultOff, ours.vaultOn].map(async (entrant) =>
        toCandidate(entrant, here, seconds, near),
      ),
    ]);
    const opened = opening.move();
    return { candidates, [Symbol.asyncDispose]: () => opened.disposeAsync() };
  },
};
