import { expect, test } from "vitest";

import { faults } from "../src/faults.ts";
import { isSoak, parseOptions, parseSoakOptions, usage } from "../src/options.ts";

test("without arguments: three minutes of every fault that fits a standard queue with a vault", () => {
  const options = parseOptions([]);
  expect(options).toMatchObject({ minutes: 3, seed: 1, kind: "standard", vault: true, rttMs: 0 });
  expect(options.faults).toHaveLength(faults.length - 1);
  expect(options.faults).not.toContain("group_blocked");
});

test("a FIFO queue adds its own fault, a vault that is off takes away what needs one", () => {
  const { faults: chosen } = parseOptions(["--kind", "fifo", "--vault", "off"]);
  expect(chosen).toContain("group_blocked");
  expect(chosen).not.toContain("dead_letters_drained");
});

test("a server that can be neither told to misbehave nor watched leaves the faults that are done and seen from outside", () => {
  const { faults: chosen } = parseOptions(["--server", "fauxqs"]);
  expect(chosen).toContain("database_crash");
  expect(chosen).toContain("killed_before_commit");
  expect(chosen).not.toContain("deletes_fail");
  expect(chosen).not.toContain("database_down");
});

test.each([
  [["--server", "elasticmq"], /--server takes hostile or fauxqs/],
  [["--faults", "meteor"], /meteor is not among those that fit/],
  [["--kind", "priority"], /--kind takes standard or fifo/],
  [["--vault", "maybe"], /--vault takes on or off/],
  [["--minutes", "-1"], /minutes/],
  [["--seed", "x"], /--seed takes a number/],
  [["--rtt", "far"], /--rtt takes a number/],
  [["--workers", "0"], /--workers takes a number from 1/],
  [["--loud"], /--loud/],
])("%j is refused with what would be right", (args, message) => {
  expect(() => parseOptions(args)).toThrow(message);
});

test("a soak takes what it needs, and none of the faults", () => {
  expect(isSoak(["--soak", "1000"])).toBe(true);
  expect(isSoak(["--minutes", "1"])).toBe(false);
  expect(parseSoakOptions(["--soak", "1000"])).toMatchObject({
    messages: 1000,
    killEverySeconds: 4,
    consumers: 2,
    workers: 1,
    rttMs: 0,
  });
  expect(() => parseSoakOptions(["--soak", "9", "--rtt", "5000"])).toThrow(/--rtt takes a number/);
  expect(() => parseSoakOptions(["--soak", "many"])).toThrow(/--soak takes a number/);
  expect(() => parseSoakOptions(["--soak", "1.5"])).toThrow(/--soak takes a whole number/);
  expect(() => parseSoakOptions(["--soak", "9", "--faults", "bombs"])).toThrow(/--faults/);
});

test("the help names every fault", () => {
  for (const { name } of faults) expect(usage).toContain(name);
});
