/** Random choices that a seed repeats. */
export interface Random {
  /** An integer from `from` to `to`, both included. */
  readonly integer: (from: number, to: number) => number;
  /** True `times` in `outOf`. */
  readonly chance: (times: number, outOf: number) => boolean;
  /** @throws `RangeError` if there is nothing to pick from. */
  readonly pick: <T>(items: readonly T[]) => T;
  /** So many decimal digits. */
  readonly digits: (count: number) => string;
}

export function createRandom(seed: number): Random {
  const next = mulberry32(seed);
  const integer = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  return {
    integer,
    chance: (times, outOf) => integer(1, outOf) <= times,
    pick(items) {
      if (items.length === 0) throw new RangeError("There is nothing to pick from.");
      return items[integer(0, items.length - 1)] as (typeof items)[number];
    },
    digits: (count) => Array.from({ length: count }, () => integer(0, 9)).join(""),
  };
}

/** By Tommy Ettinger, in the public domain: 32 bits of state, and enough for samples. */
function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
