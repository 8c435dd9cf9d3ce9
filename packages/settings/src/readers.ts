/** What a setting's text can be. None of them sees white space at an end: it is trimmed before. */

import { resolve } from "node:path";

import type { Reader } from "./setting.ts";

/** Any text; with a pattern, the whole of it has to match. */
export function text(pattern?: RegExp, form = ""): Reader<string> {
  return { form, read: (given) => (pattern?.test(given) === false ? null : given) };
}

/** One of these words, in capitals or not. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Reader<Word> {
  return {
    form: inWords(words),
    read: (given) => words.find((word) => word.toLowerCase() === given.toLowerCase()) ?? null,
  };
}

export function boolean(): Reader<boolean> {
  const word = oneOf("true", "false");
  return {
    form: word.form,
    read(given, environment) {
      const known = word.read(given, environment);
      return known === null ? null : known === "true";
    },
  };
}

export function wholeNumber({ min, max }: { min: number; max: number }): Reader<number> {
  return {
    form: `${min} to ${max}`,
    read(given) {
      const value = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
      return value >= min && value <= max ? value : null;
    },
  };
}

/** Parts between commas; empty ones are left out. */
export function list(): Reader<readonly string[]> {
  return {
    form: "separated by commas",
    read: (given) =>
      given
        .split(",")
        .map((part) => part.trim())
        .filter((part) => part !== ""),
  };
}

/** A path as its user meant it: pnpm starts a program in its package's folder, and says in INIT_CWD where it was called. */
export function path(): Reader<string> {
  return { form: "", read: (given, environment) => resolve(environment["INIT_CWD"] ?? "", given) };
}

export function httpUrl(): Reader<string> {
  return {
    form: "an http(s) URL",
    read: (given) => (urlOf(given, ["http:", "https:"]) ? given : null),
  };
}

/** A URL as `pg` takes it: also with its host left out, for a socket's directory in `?host=`. */
export function postgresUrl(): Reader<string> {
  return {
    form: "postgresql://USER:PASSWORD@HOST:5432/DATABASE, with one host, or with none and ?host=/DIRECTORY/OF/SOCKET",
    read(given) {
      const url = urlOf(given.replace("@/", "@localhost/"), ["postgres:", "postgresql:"]);
      return url && !url.hostname.includes(",") ? given : null;
    },
  };
}

/** The parser would drop or encode white space inside, where what is sent later holds it still. */
function urlOf(given: string, protocols: readonly string[]): URL | null {
  if (/\s/.test(given) || !URL.canParse(given)) return null;
  const url = new URL(given);
  return protocols.includes(url.protocol) ? url : null;
}

function inWords(words: readonly string[]): string {
  return [words.slice(0, -1).join(", "), ...words.slice(-1)]
    .filter((part) => part !== "")
    .join(" or ");
}
