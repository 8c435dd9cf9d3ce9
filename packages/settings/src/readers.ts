/** What a setting's text can be. None of them sees white space at an end: it is trimmed before. */

import { resolve } from "node:path";

import { z } from "zod";

import type { Reader } from "./setting.ts";

function reader<Value>(form: string, schema: z.ZodType<Value, string>): Reader<Value> {
  return { form, read: (given) => schema.safeParse(given).data ?? null };
}

/** Any text; with a pattern, the whole of it has to match. */
export function text(pattern = /^/, form = ""): Reader<string> {
  return reader(form, z.string().regex(pattern));
}

/** One of these words, in capitals or not. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Reader<Word> {
  return reader(inWords(words), z.string().toLowerCase().pipe(z.enum(words)));
}

export function boolean(): Reader<boolean> {
  const words = z.stringbool({ truthy: ["true"], falsy: ["false"] });
  return reader("true or false", words);
}

export function wholeNumber({ min, max }: { min: number; max: number }): Reader<number> {
  const digits = z.string().regex(/^\d{1,15}$/);
  return reader(`${min} to ${max}`, digits.transform(Number).pipe(z.number().min(min).max(max)));
}

/** Parts between commas; empty ones are left out. */
export function list(): Reader<readonly string[]> {
  const parts = z.string().transform((given) => given.split(",").map((part) => part.trim()));
  return reader(
    "separated by commas",
    parts.transform((all) => all.filter((part) => part !== "")),
  );
}

/** A path as its user meant it: pnpm starts a program in its package's folder, and says in INIT_CWD where it was called. */
export function path(): Reader<string> {
  return { form: "", read: (given, environment) => resolve(environment["INIT_CWD"] ?? "", given) };
}

/** The parser would drop or encode white space inside, where what is sent later holds it still. */
const unbroken = z.string().regex(/^\S+$/);

export function httpUrl(): Reader<string> {
  return reader("an http(s) URL", unbroken.pipe(z.url({ protocol: /^https?$/ })));
}

/** What `fetch` takes: it refuses a URL with a name and a password. */
export function bareUrl(): Reader<URL> {
  const url = httpUrl();
  return {
    form: `${url.form} without a name and a password`,
    read(given, environment) {
      const found = URL.parse(url.read(given, environment) ?? "");
      return found?.username === "" && found.password === "" ? found : null;
    },
  };
}

/** A host, without a path. */
export function httpOrigin(): Reader<URL> {
  const url = bareUrl();
  return {
    form: "as people type it, without a path, such as https://console.example.com",
    read(given, environment) {
      const found = url.read(given, environment);
      return found?.href === `${found?.origin}/` ? found : null;
    },
  };
}

/** Some, between commas. */
export function listOf<Value>(each: Reader<Value>): Reader<readonly Value[]> {
  const parts = list();
  return {
    form: [each.form, parts.form].join(", "),
    read(given, environment) {
      const values = parts.read(given, environment)?.map((part) => each.read(part, environment));
      return values?.every((value) => value !== null) ? values : null;
    },
  };
}

function inWords(words: readonly string[]): string {
  return [words.slice(0, -1).join(", "), ...words.slice(-1)]
    .filter((part) => part !== "")
    .join(" or ");
}
