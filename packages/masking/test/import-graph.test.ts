import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const imports = /^(?:import|export)\s(?!type\b)[^;]*?from "([^"]+)";/gm;

/** Every file that running `entry` loads, and every module outside the package. Types do not run. */
function reach(entry: string): { files: Map<string, string>; outside: Set<string> } {
  const files = new Map<string, string>();
  const outside = new Set<string>();
  const open = [new URL(`../src/${entry}`, import.meta.url)];
  for (let next = open.pop(); next; next = open.pop()) {
    const name = next.pathname.replace(/^.*\/src\//, "");
    if (files.has(name)) continue;
    const text = readFileSync(next, "utf8");
    files.set(name, text);
    for (const [, specifier = ""] of text.matchAll(imports)) {
      if (specifier.startsWith(".")) open.push(new URL(specifier, next));
      else outside.add(specifier);
    }
  }
  return { files, outside };
}

test("the walk sees what the unsealing entry reaches", () => {
  const { files } = reach("unseal.ts");
  expect([...files.keys()]).toEqual(
    expect.arrayContaining(["node/unsealer.ts", "node/hpke-open.ts"]),
  );
  expect([...files.values()].join()).toContain("createDecipheriv");
});

test.each(["seal.ts", "index.ts", "keyring.ts"])("%s reaches no code that opens", (entry) => {
  const { files } = reach(entry);
  expect(files.size).toBeGreaterThan(3);
  expect([...files.keys()]).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/unseal|open|retoken/)]),
  );
  expect([...files.values()].join()).not.toContain("createDecipheriv");
});

test.each(["seal.ts", "index.ts", "unseal.ts"])("%s touches nothing but node:crypto", (entry) => {
  expect(reach(entry).outside).toEqual(new Set(["node:crypto"]));
});

test("the AWS SDK is named once, and loaded only when a keyring refers to it", () => {
  for (const entry of ["keyring.ts", "kms.ts"]) {
    expect([...reach(entry).outside].filter((name) => !name.startsWith("node:"))).toEqual([]);
  }
  expect(reach("kms.ts").files.get("node/aws-kms.ts")).toContain(
    'await import("@aws-sdk/client-kms")',
  );
});

test("what formats are made of touches no key and no file", () => {
  const files = readdirSync(new URL("../src/format", import.meta.url));
  expect(files.length).toBeGreaterThan(10);
  for (const file of files) expect(reach(`format/${file}`).outside).toEqual(new Set());
});
