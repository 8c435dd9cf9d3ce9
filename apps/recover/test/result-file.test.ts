/** Opened values as text: what a producer sent steers neither the terminal nor a spreadsheet. */

import { expect, test } from "vitest";
import { type Format, formatRows } from "../src/result-file.ts";

/** Each does something to a terminal: clears it, ends a control sequence, turns or hides text, adds a line. */
const steering = [
  "\u001b[2J",
  "\u009b2J",
  "\u007f",
  "\u202e",
  "\u2066",
  "\u200b",
  "\u2028",
  "\u{e0001}",
  "\n",
];

test.for(steering.flatMap((mark) => (["table", "jsonl", "csv"] as const).map((f) => [mark, f])))(
  "%j does not reach a terminal as %s",
  ([mark = "", format]) => {
    const text = formatRows([{ value: `a${mark}b`, [`c${mark}`]: "d" }], format as Format);
    const body = text.replaceAll(/\r?\n/g, "");
    expect(body).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(text.split("\n")).toHaveLength(format === "jsonl" ? 2 : 3);
  },
);

test.for(steering)("JSON gives back %j exactly", (mark) => {
  expect(JSON.parse(formatRows([{ value: mark }], "jsonl"))).toEqual({ value: mark });
});

/** The one cell of a file that a spreadsheet reads by RFC 4180. */
const cell = (value: string): string => {
  const [, line = ""] = formatRows([{ value }], "csv").split("\r\n");
  return line.slice(1, -1).replaceAll('""', '"');
};

test.for([
  "=1+1",
  "+1",
  "-1",
  "@SUM(A1)",
  " =1+1",
  "\u00a0=1+1",
  "\u3000=1+1",
  "\uff1d1+1",
  "\uff0b1",
  "\uff0d1",
  "\uff20SUM(A1)",
])("%j runs in no spreadsheet", (value) => {
  expect(cell(value)).toBe(`'${value}`);
});

test.for(["1;=cmd|' /C calc'!A0", 'say "=1"', "a,=1", "a\t=1"])(
  "%j stays one cell, whatever divides cells",
  (value) => {
    const [header, line = ""] = formatRows([{ value }], "csv").split("\r\n");
    expect(header).toBe('"value"');
    expect(line).toMatch(/^"(?:[^"]|"")*"$/);
  },
);
