import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Answer, createAnswerReader } from "../src/answer-reader.ts";

interface Sent {
  readonly text: string;
  readonly bytes: Buffer;
}

const text = fc.string({ unit: "grapheme", maxLength: 200 });

const withLength = text.map((body): Sent => {
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\nDate: today\r\n\r\n`;
  return { text: body, bytes: Buffer.from(head + body) };
});

const inChunks = fc.array(text.filter((part) => part !== "")).map((parts): Sent => {
  const chunks = parts.map((part) => `${Buffer.byteLength(part).toString(16)};x=1\r\n${part}\r\n`);
  const head = "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nDate: today\r\n\r\n";
  const bytes = Buffer.from(`${head}${chunks.join("")}0\r\nTrailer: x\r\n\r\n`);
  return { text: parts.join(""), bytes };
});

const interim = fc.constantFrom("", "HTTP/1.1 100 Continue\r\n\r\n");

test("an answer is the same however its bytes are cut", () => {
  fc.assert(
    fc.property(
      fc.oneof(withLength, inChunks),
      interim,
      fc.array(fc.nat()),
      (sent, before, places) => {
        const bytes = Buffer.concat([Buffer.from(before), sent.bytes]);
        const cuts = [...places.map((place) => place % bytes.length), 0, bytes.length];
        const sorted = cuts.toSorted((a, b) => a - b);
        const reader = createAnswerReader();
        const answers = sorted.slice(1).flatMap((end, at) => {
          const part = bytes.subarray(sorted[at], end);
          return (part.length > 0 ? reader.take(part) : null) ?? [];
        });
        expect(answers).toMatchObject([{ status: 200, text: sent.text, keepsAlive: true }]);
        expect(answers[0]?.headers.get("date")).toBe("today");
      },
    ),
  );
});

test("an answer without a length ends with its connection, and is the last on it", () => {
  const reader = createAnswerReader();
  expect(reader.take(Buffer.from("HTTP/1.1 200 OK\r\n\r\n{"))).toBeNull();
  expect(reader.take(Buffer.from("}"))).toBeNull();
  expect(reader.end()).toMatchObject({ text: "{}", keepsAlive: false });
});

test("an answer that is cut off is none", () => {
  for (const cut of [
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "HTTP/1.1 200 OK\r\n",
  ]) {
    const reader = createAnswerReader();
    expect(reader.take(Buffer.from(cut))).toBeNull();
    expect(reader.end()).toBeNull();
  }
});

test("a connection is not used again where its answer says so, or more follows than it says", () => {
  for (const whole of [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: Close\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x, close\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\nConnection: x\r\n\r\n{}",
    "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}{}",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\nHTTP/1.1",
  ]) {
    expect(read(whole)).toMatchObject({ text: "{}", keepsAlive: false });
  }
});

describe("what is no answer, or could be two, is malformed:", () => {
  test.each([
    "SSH-2.0-OpenSSH\r\n\r\n",
    "HTTP/2 200\r\n\r\n",
    "HTTP/1.1 20\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: b\nContent-Length: 3\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\nA: b\rContent-Length: 3\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/1.1 101 Switching\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/1.1 000\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\u00a0\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}}\r\n0\r\n\r\n",
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${"x".repeat(300)}`,
    `HTTP/1.1 200 OK\r\nA: ${"x".repeat(20_000)}`,
  ])("%j", (bytes) => {
    expect(() => read(bytes)).toThrow(expect.objectContaining({ code: "malformed_response" }));
  });
});

test("an answer that says it is too large is read no further", () => {
  for (const head of [
    "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n",
  ]) {
    expect(() => read(head)).toThrow(expect.objectContaining({ code: "answer_too_large" }));
  }
});

test("an answer in chunks of a byte weighs little more than its bytes", () => {
  const reader = createAnswerReader();
  reader.take(Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
  const before = weight();
  for (let part = 0; part < 100; part += 1) {
    reader.take(Buffer.from("1\r\nx\r\n".repeat(10_000)));
  }
  expect(weight() - before).toBeLessThan(20_000_000);
  expect(reader.take(Buffer.from("0\r\n\r\n"))?.text).toBe("x".repeat(1_000_000));
});

/** Of all that is held, in bytes. */
function weight(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function read(bytes: string): Answer | null {
  return createAnswerReader().take(Buffer.from(bytes));
}
