/** Unicode text for properties; fast-check's own units take a second to set up. */

import * as fc from "fast-check";

/** ASCII as often as not, since it is encoded by another path; no lone surrogate. */
const character = fc
  .oneof(
    fc.integer({ min: 0, max: 0x7f }),
    fc.integer({ min: 0, max: 0xd7ff }),
    fc.integer({ min: 0xe000, max: 0x10ffff }),
  )
  .map((code) => String.fromCodePoint(code));

export const unicode = (constraints: fc.StringConstraints = {}): fc.Arbitrary<string> =>
  fc.string({ ...constraints, unit: character });
