/** Looks for marks in files, in every form in which a program may write a value down. */
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

export interface Leak {
  readonly file: string;
  /** Which mark, by its position, in which spelling; never the value itself. */
  readonly mark: number;
  readonly spelling: string;
}

export interface Spelling {
  readonly mark: number;
  readonly name: string;
  readonly bytes: Buffer;
}

export interface Scanner {
  /** Looks through what these files have gained since they were looked through last; tells a leak once a file. */
  readonly scanNew: (files: readonly string[]) => Promise<Leak[]>;
  /** Looks through every file below a directory, whole. */
  readonly scanBelow: (directory: string) => Promise<Leak[]>;
}

const chunkBytes = 4 * 1024 * 1024;

export function createScanner(marks: readonly Uint8Array[]): Scanner {
  const spellings = marks.flatMap((mark, at) => spellingsOf(mark, at));
  const overlap = Math.max(...spellings.map(({ bytes }) => bytes.length)) - 1;
  const scannedTo = new Map<string, number>();
  const told = new Set<string>();

  async function scan(file: string, from: number): Promise<{ leaks: Leak[]; end: number }> {
    await using handle = await open(file, "r");
    const found = new Map<Spelling, Leak>();
    const buffer = Buffer.alloc(chunkBytes);
    let position = Math.max(0, from - overlap);
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, chunkBytes, position);
      const chunk = buffer.subarray(0, bytesRead);
      for (const spelling of spellings) {
        if (!found.has(spelling) && chunk.includes(spelling.bytes)) {
          found.set(spelling, { file, mark: spelling.mark, spelling: spelling.name });
        }
      }
      if (bytesRead < chunkBytes) return { leaks: [...found.values()], end: position + bytesRead };
      position += bytesRead - overlap;
    }
  }

  /** The end of a file is looked through twice, for what was written in two parts. */
  function isNew({ file, mark, spelling }: Leak): boolean {
    const leak = `${file} ${mark} ${spelling}`;
    const isFirst = !told.has(leak);
    told.add(leak);
    return isFirst;
  }

  return {
    async scanNew(files) {
      const leaks: Leak[] = [];
      for (const file of files) {
        const result = await scan(file, scannedTo.get(file) ?? 0);
        scannedTo.set(file, result.end);
        leaks.push(...result.leaks.filter(isNew));
      }
      return leaks;
    },
    async scanBelow(directory) {
      const leaks: Leak[] = [];
      const names = await readdir(directory, { recursive: true });
      for (const name of names) {
        const file = join(directory, name);
        const isFile = await stat(file).then(
          (entry) => entry.isFile(),
          () => false,
        );
        if (isFile) leaks.push(...(await scan(file, 0)).leaks);
      }
      return leaks;
    },
  };
}

/** Raw, base64 at each alignment, hex, URL-escaped, JSON-escaped, UTF-16. */
export function spellingsOf(value: Uint8Array, mark: number): Spelling[] {
  const raw = Buffer.from(value);
  const text = raw.toString("utf8");
  const isText = Buffer.from(text).equals(raw);
  const texts: [string, string][] = [
    ["hex", raw.toString("hex")],
    ["upper-case hex", raw.toString("hex").toUpperCase()],
    ...[0, 1, 2].flatMap((shift): [string, string][] => [
      [`base64 at ${shift}`, base64At(raw, shift, "base64")],
      [`base64url at ${shift}`, base64At(raw, shift, "base64url")],
    ]),
    ...(isText
      ? ([
          ["URL-escaped", encodeURIComponent(text)],
          ["JSON-escaped", JSON.stringify(text).slice(1, -1)],
          ["JSON in JSON", JSON.stringify(JSON.stringify(text)).slice(3, -3)],
        ] satisfies [string, string][])
      : []),
  ];
  const all: Spelling[] = [
    { mark, name: "raw", bytes: raw },
    ...texts.map(([name, spelt]) => ({ mark, name, bytes: Buffer.from(spelt) })),
    ...(isText ? [{ mark, name: "UTF-16", bytes: Buffer.from(text, "utf16le") }] : []),
  ];
  const first = new Map(
    all.toReversed().map((spelling) => [spelling.bytes.toString("hex"), spelling]),
  );
  return [...first.values()];
}

/** Base64 works on groups of three bytes: what a value looks like depends on where it begins. */
function base64At(raw: Buffer, shift: number, encoding: "base64" | "base64url"): string {
  const encoded = Buffer.concat([Buffer.alloc(shift), raw])
    .toString(encoding)
    .replaceAll("=", "");
  const spoiltByWhatStandsBefore = Math.ceil((shift * 8) / 6);
  const spoiltByWhatFollows = (shift + raw.length) % 3 === 0 ? 0 : 1;
  return encoded.slice(spoiltByWhatStandsBefore, encoded.length - spoiltByWhatFollows);
}
