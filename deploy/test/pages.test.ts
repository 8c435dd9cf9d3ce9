/** A page that says "cannot" names the test that tries: here, whether it is there. */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { pathOf, readText } from "./files.ts";

const folders = ["apps/", "packages/", ""];

/** Of "`db/test/x.test.ts` "does this", "and that"; …" the file, and each name. */
function citedIn(page: string): { readonly file: string; readonly name: string }[] {
  const cited = readText(page).matchAll(/`([\w/.-]+\.ts)`((?:,? "[^"]+")+)/g);
  return [...cited].flatMap(([, file = "", names = ""]) =>
    [...names.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => ({ file, name })),
  );
}

test.each([
  ["docs/security-review.md", 50],
  ["docs/threat-model.md", 20],
])("%s names only tests that are there", (page, least) => {
  const cited = citedIn(page);

  const missing = cited.filter(({ file, name }) => {
    const folder = folders.find((each) => existsSync(pathOf(each + file)));
    return folder === undefined || !readText(folder + file).includes(`"${name}"`);
  });

  expect(missing).toEqual([]);
  expect(cited.length).toBeGreaterThan(least);
});
