import { expect, test } from "vitest";

import {
  boolean,
  choose,
  faultLines,
  list,
  oneOf,
  optional,
  path,
  readSettings,
  required,
  text,
  unknownNames,
  whereKnown,
  wholeNumber,
  withDefault,
} from "../src/index.ts";

const settings = {
  NAME: required(text(/^[a-z]+$/), "letters"),
  COUNT: withDefault(3, wholeNumber({ min: 1, max: 9 }), "how many"),
  MODE: optional(oneOf("on", "off"), "leave it unset for either"),
  EXPORTER: whereKnown(oneOf("otlp", "none"), "where to"),
};

test("reads what is set, and takes an unset one for what it stands for", () => {
  expect(readSettings(settings, { NAME: "x", MODE: "on" })).toEqual({
    values: { NAME: "x", COUNT: 3, MODE: "on", EXPORTER: null },
    ignored: [],
  });
});

test("says every fault at once, with what to do and without the value", () => {
  const reading = readSettings(settings, { COUNT: "hunter2", MODE: "maybe" });
  expect("faults" in reading && faultLines(reading.faults)).toEqual([
    "NAME is not set: letters",
    "COUNT is not usable: how many; 1 to 9",
    "MODE is not usable: leave it unset for either; on or off",
  ]);
});

test.each([" x", "x\n", "\tx\r\n"])("every text is trimmed as a mounted file ends: %j", (NAME) => {
  expect(readSettings(settings, { NAME })).toMatchObject({ values: { NAME: "x" } });
});

test("an empty text is an unset one, also where it is white space", () => {
  expect(readSettings(settings, { NAME: "x", COUNT: "", MODE: " \n" })).toMatchObject({
    values: { COUNT: 3, MODE: null },
  });
});

test("what others define and is not known here is named and counts as unset", () => {
  expect(readSettings(settings, { NAME: "x", EXPORTER: "console" })).toMatchObject({
    values: { EXPORTER: null },
    ignored: [{ name: "EXPORTER", problem: "is not known here, and ignored" }],
  });
});

test("one of a group has to be set, and the first is named where none is", () => {
  const pair = { A: optional(text(), "a"), B: optional(text(), "b") };
  expect(readSettings(pair, { B: "x" }, [["A", "B"]])).toMatchObject({
    values: { A: null, B: "x" },
  });
  expect(readSettings(pair, {}, [["A", "B"]])).toEqual({
    faults: [{ name: "A", problem: "is not set", advice: "a" }],
  });
});

test("a command reads the part it needs", () => {
  expect(readSettings(choose(settings, ["COUNT"]), { COUNT: "9" })).toMatchObject({
    values: { COUNT: 9 },
  });
});

test("names that only look like settings are found", () => {
  expect(unknownNames(settings, { NAME: "x", NAMES: "y", OTHER: "z" }, "NAM")).toEqual(["NAMES"]);
});

test("values have their types", () => {
  const reading = readSettings(
    {
      FLAG: withDefault(false, boolean(), ""),
      LIST: withDefault([], list(), ""),
      AT: required(path(), ""),
    },
    { FLAG: "TRUE", LIST: "a, ,b", AT: "k.json", INIT_CWD: "/srv" },
  );
  if ("faults" in reading) throw new Error("unusable");
  const { FLAG, LIST, AT }: { FLAG: boolean; LIST: readonly string[]; AT: string } = reading.values;
  expect({ FLAG, LIST, AT }).toEqual({ FLAG: true, LIST: ["a", "b"], AT: "/srv/k.json" });
});
