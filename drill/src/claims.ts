/** What a drill proved, a line each. */

export interface Claim {
  readonly claim: string;
  readonly holds: boolean;
}

export interface Claims {
  readonly all: readonly Claim[];
  /** What was seen and is nothing to prove, by name. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly check: (claim: string, holds: boolean) => void;
  readonly note: (name: string, fact: unknown, line: string) => void;
}

export function createClaims(print: (line: string) => void): Claims {
  const all: Claim[] = [];
  const facts: Record<string, unknown> = {};
  return {
    all,
    facts,
    check(claim, holds) {
      all.push({ claim, holds });
      print(`${holds ? "ok    " : "FAILED"}  ${claim}`);
    },
    note(name, fact, line) {
      facts[name] = fact;
      print(`        ${line}`);
    },
  };
}
