/** Random choices that a seed repeats. */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

export interface Random {
  /** An integer from `from` to `to`, both included. */
  readonly integer: (from: number, to: number) => number;
  /** True `times` in `outOf`. */
  readonly chance: (times: number, outOf: number) => boolean;
  /** @throws `RangeError` if there is nothing to pick from. */
  readonly pick: <T>(items: readonly T[]) => T;
}

export function createRandom(seed: number): Random {
  const generator = xoroshiro128plus(seed);
  const integer = (from: number, to: number): number => uniformInt(generator, from, to);
  return {
    integer,
    chance: (times, outOf) => integer(1, outOf) <= times,
    pick(items) {
      if (items.length === 0) throw new RangeError("There is nothing to pick from.");
      return items[integer(0, items.length - 1)] as (typeof items)[number];
    },
  };
}
