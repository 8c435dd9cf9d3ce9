/** Pages lead only to what is there: by links, and by names of pages in what programs say. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import GithubSlugger from "github-slugger";
import { expect, test } from "vitest";
import { pathOf, readText } from "./files.ts";

const files = execFileSync("git", ["ls-files", "-coz", "--exclude-standard"], {
  cwd: pathOf("."),
  encoding: "utf8",
})
  .split("\0")
  .filter((path) => path !== "" && existsSync(pathOf(path)));
const pages = files.filter((path) => path.endsWith(".md"));

const withoutCode = (text: string): string =>
  text.replace(/^ *```[^]*?^ *```$/gm, "").replace(/(`+)[^`].*?\1/g, "");

/** As GitHub makes them: from a heading's text, code in it included. */
function anchorsIn(page: string): readonly string[] {
  const slugger = new GithubSlugger();
  const text = readText(page).replace(/^ *```[^]*?^ *```$/gm, "");
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => slugger.slug(heading));
}

const anchors = new Map(pages.map((page) => [page, anchorsIn(page)]));

interface Link {
  readonly page: string;
  readonly target: string;
}

const links: readonly Link[] = pages.flatMap((page) =>
  [...withoutCode(readText(page)).matchAll(/\]\((?!\w+:)([^)\s]+)\)/g)].map(([, target = ""]) => ({
    page,
    target,
  })),
);

function isThere({ page, target }: Link): boolean {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? page : join(dirname(page), path);
  if (!existsSync(pathOf(file))) return false;
  return anchor === undefined || anchors.get(file)?.includes(anchor) === true;
}

test("every link of a page leads to a file and a heading that are there", () => {
  expect(links.filter((link) => !isThere(link))).toEqual([]);
  expect(links.length).toBeGreaterThan(100);
  expect(isThere({ page: "README.md", target: "docs/runbook.md#no-such-heading" })).toBe(false);
});

test("every page under docs/ that a source, a manifest or a message names is there", () => {
  const named = files
    .filter((path) => /\.(ts|sql|ya?ml|tf|json|example)$/.test(path))
    .flatMap((path) =>
      [...readText(path).matchAll(/(?<![\w/.-])docs\/[\w/-]+\.md/g)].map(([page]) => ({
        path,
        page,
      })),
    );

  expect(named.filter(({ page }) => !existsSync(pathOf(page)))).toEqual([]);
  expect(named.length).toBeGreaterThan(10);
});
