import { createLoginParser, majorVersion } from "@org/schema";
import { describe, expect, it } from "vitest";

import { accepts } from "./accepts.ts";
import { type Accepted, hostileBodies, type HostileBody, type Rejected } from "./hostile-bodies.ts";

function outcomeOf({ body, attributeNames, unwrap }: HostileBody): Accepted | Rejected {
  const parse = createLoginParser({ accepts, ...(unwrap && { unwrap }) });
  const parsed = parse(body, attributeNames);
  return parsed.kind === "login"
    ? { ...parsed, major: majorVersion(parsed.login.app_version) }
    : parsed;
}

describe("the hostile bodies", () => {
  it.each(hostileBodies)("$number: $name", (hostile) => {
    expect(outcomeOf(hostile)).toEqual(hostile.expected);
  });

  it("are of all 65 kinds", () => {
    const numbers = new Set(hostileBodies.map(({ number }) => number));
    expect([...numbers]).toEqual(Array.from({ length: 65 }, (_, at) => at + 1));
  });
});
