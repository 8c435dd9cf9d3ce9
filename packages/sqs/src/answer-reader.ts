/** Reads the answer to one HTTP/1.1 request (RFC 9112) from the bytes of its connection, as they come. */

import { QueueError } from "./queue-error.ts";
import { ANSWER_LIMIT_BYTES } from "./transport.ts";

export interface Answer {
  readonly status: number;
  /** By names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
  /** Whether another request may follow on its connection. */
  readonly keepsAlive: boolean;
}

/** Both throw a {@link QueueError}: `malformed_response`, `answer_too_large`. */
export interface AnswerReader {
  /** Takes what has come; null while the answer is not whole. */
  readonly take: (bytes: Buffer) => Answer | null;
  /** Nothing more comes: the answer, where that is its end; else null. */
  readonly end: () => Answer | null;
  readonly hasHead: () => boolean;
}

/** Of all header lines together, and of one line of a chunked body. */
const HEAD_LIMIT_BYTES = 16_384;
const LINE_LIMIT_BYTES = 256;

const HEAD_END = "\r\n\r\n";

/** All but a tab (RFC 9110 section 5.5). */
const controls = /[^\t -~\u0080-\u00ff]/;

interface Head extends Pick<Answer, "status" | "headers"> {
  readonly keepsAlive: boolean;
}

interface Body {
  /** Takes bytes and says whether that is all; then `surplus` tells of bytes beyond. */
  readonly take: (bytes: Buffer) => boolean;
  readonly text: () => string;
  readonly surplus: () => boolean;
  /** Whether the end of the connection is its end. */
  readonly endsWithConnection: boolean;
}

export function createAnswerReader(): AnswerReader {
  let unread: Buffer | null = null;
  let head: Head | null = null;
  let body: Body | null = null;

  const answer = (from: Head, { text, surplus }: Body): Answer => ({
    ...from,
    text: text(),
    keepsAlive: from.keepsAlive && !surplus(),
  });

  /** What follows the head, once it is there; interim answers are passed over. */
  const takeHead = (bytes: Buffer): Buffer | null => {
    let rest = unread === null ? bytes : Buffer.concat([unread, bytes]);
    for (;;) {
      const end = rest.indexOf(HEAD_END);
      if ((end < 0 ? rest.length : end) > HEAD_LIMIT_BYTES) throw malformed();
      if (end < 0) {
        unread = rest;
        return null;
      }
      const read = readHead(rest.toString("latin1", 0, end));
      rest = rest.subarray(end + HEAD_END.length);
      if (read.status >= 200) {
        head = read;
        body = bodyOf(read);
        return rest;
      }
    }
  };

  return {
    take(bytes) {
      const rest = head === null ? takeHead(bytes) : bytes;
      if (rest === null || head === null || body === null) return null;
      return body.take(rest) ? answer(head, body) : null;
    },
    end() {
      if (head === null || body?.endsWithConnection !== true) return null;
      return { ...answer(head, body), keepsAlive: false };
    },
    hasHead: () => head !== null,
  };
}

function readHead(text: string): Head {
  const [first = "", ...lines] = text.split("\r\n");
  const [, version, status] = /^HTTP\/1\.([01]) (?!101)([1-9]\d\d)(?: |$)/.exec(first) ?? [];
  if (status === undefined) throw malformed();
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    // A folded line, a line that ends otherwise, a space before the colon: where another would see another header.
    if (colon < 1 || /[^!-~]/.test(name) || controls.test(line)) throw malformed();
    const value = line.slice(colon + 1).replaceAll(/^[ \t]+|[ \t]+$/g, "");
    const before = headers.get(name);
    const isAgain = before !== undefined && before !== value;
    if (isAgain && name === "content-length") throw malformed();
    // A list, in one header or several (RFC 9110 section 5.3).
    headers.set(name, isAgain ? `${before}, ${value}` : value);
  }
  const isLast = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i.test(headers.get("connection") ?? "");
  return { status: Number(status), headers, keepsAlive: version === "1" && !isLast };
}

function bodyOf({ status, headers }: Head): Body {
  const coding = headers.get("transfer-encoding");
  const length = headers.get("content-length");
  if (status === 204 || status === 304) return bodyOfLength(0);
  if (coding !== undefined) {
    if (coding.toLowerCase() !== "chunked" || length !== undefined) throw malformed();
    return chunkedBody();
  }
  if (length === undefined) return endlessBody();
  if (!/^\d{1,15}$/.test(length)) throw malformed();
  return bodyOfLength(Number(length));
}

function bodyOfLength(length: number): Body {
  const gathered = gather();
  gathered.expect(length);
  return {
    take(bytes) {
      gathered.add(bytes);
      return gathered.bytes() >= length;
    },
    text: () => gathered.text(length),
    surplus: () => gathered.bytes() > length,
    endsWithConnection: false,
  };
}

/** Whoever cuts it off cannot be told from its end: what it holds has to be whole by itself. */
function endlessBody(): Body {
  const gathered = gather();
  return {
    take(bytes) {
      gathered.expect(bytes.length);
      gathered.add(bytes);
      return false;
    },
    text: () => gathered.text(),
    surplus: () => false,
    endsWithConnection: true,
  };
}

/** RFC 9112, section 7.1. Extensions of chunks and trailers are passed over. */
function chunkedBody(): Body {
  const gathered = gather();
  let place: "size" | "data" | "data_end" | "trailer" = "size";
  let line = "";
  let left = 0;
  let hasSurplus = false;

  /** Whether it was the last line. */
  const takeLine = (text: string): boolean => {
    if (place === "trailer") return text === "";
    if (place === "data_end") {
      if (text !== "") throw malformed();
      place = "size";
      return false;
    }
    const [, digits] = /^([\da-f]{1,8})[ \t]*(?:;|$)/i.exec(text) ?? [];
    if (digits === undefined) throw malformed();
    left = Number.parseInt(digits, 16);
    gathered.expect(left);
    place = left === 0 ? "trailer" : "data";
    return false;
  };

  return {
    take(bytes) {
      for (let at = 0; at < bytes.length;) {
        if (place === "data") {
          const end = Math.min(bytes.length, at + left);
          gathered.add(bytes.subarray(at, end));
          left -= end - at;
          at = end;
          if (left === 0) place = "data_end";
          continue;
        }
        const newline = bytes.indexOf("\n", at);
        const end = newline < 0 ? bytes.length : newline + 1;
        line += bytes.toString("latin1", at, end);
        at = end;
        if (line.length > LINE_LIMIT_BYTES) throw malformed();
        if (newline < 0) return false;
        if (!line.endsWith("\r\n")) throw malformed();
        const isLast = takeLine(line.slice(0, -2));
        line = "";
        if (isLast) {
          hasSurplus = at < bytes.length;
          return true;
        }
      }
      return false;
    },
    text: () => gathered.text(),
    surplus: () => hasSurplus,
    endsWithConnection: false,
  };
}

interface Gathered {
  /** @throws {@link QueueError} where so many bytes more would be too many. */
  readonly expect: (bytes: number) => void;
  readonly add: (bytes: Buffer) => void;
  readonly bytes: () => number;
  readonly text: (length?: number) => string;
}

/** Beside a part of a byte, what holds it weighs a hundred: so many are held apart. */
const PARTS_APART = 1024;

function gather(): Gathered {
  const joined: Buffer[] = [];
  let parts: Buffer[] = [];
  let expected = 0;
  let bytes = 0;
  return {
    expect(more) {
      expected += more;
      if (expected > ANSWER_LIMIT_BYTES) throw new QueueError("answer_too_large");
    },
    add(part) {
      parts.push(part);
      bytes += part.length;
      if (parts.length < PARTS_APART) return;
      joined.push(Buffer.concat(parts));
      parts = [];
    },
    bytes: () => bytes,
    text(length = bytes) {
      const all = [...joined, ...parts];
      const [first] = all;
      const whole = all.length === 1 && first !== undefined ? first : Buffer.concat(all);
      return whole.toString("utf8", 0, length);
    },
  };
}

function malformed(): QueueError {
  return new QueueError("malformed_response");
}
