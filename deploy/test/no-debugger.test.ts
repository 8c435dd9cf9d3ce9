/** On SIGUSR1 Node opens a debugger, through which the same user reads keys and passwords. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { readText } from "./files.ts";

const entrypoints = readText("deploy/Dockerfile").match(/(?<=^ENTRYPOINT ).*/gm) ?? [];
const scripts = ["apps/consumer", "apps/recover", "apps/console", "packages/db"].flatMap(
  (folder) => {
    const { scripts } = JSON.parse(readText(`${folder}/package.json`)) as {
      scripts: Record<string, string>;
    };
    return Object.entries(scripts)
      .filter(([, command]) => command.includes("node "))
      .map(([name, command]) => ({ name: `${folder}: ${name}`, command }));
  },
);
const inCompose = readText("docker-compose.yml").match(/\bnode .*\.js/g) ?? [];
const inPages = ["deploy/README.md", "docs/operations/walk.md", "README.md"].flatMap(
  (page) => readText(page).match(/\bnode(?:24)? .*\bdist\/\S*\.js/g) ?? [],
);

test.each([
  ...entrypoints.map((command) => ({ name: "image", command })),
  ...inCompose.map((command) => ({ name: "compose file", command })),
  ...inPages.map((command) => ({ name: "page", command })),
  ...scripts,
])("$name starts Node without it: $command", ({ command }) => {
  expect(command).toMatch(/node(?:24)?"?,? "?--disable-sigusr1/);
});

test("there are starts of each kind", () => {
  expect(entrypoints).toHaveLength(5);
  expect(inCompose).not.toHaveLength(0);
  expect(inPages).not.toHaveLength(0);
  expect(scripts.map(({ name }) => name)).toEqual([
    "apps/consumer: build",
    "apps/consumer: start",
    "apps/recover: start",
    "apps/console: start",
    "packages/db: maintain",
    "packages/db: migrate",
  ]);
});

// What the signal does to a Node without the option is in Node's hands; with it, nothing.
test.skipIf(process.platform === "win32")("Node ignores the signal then", async () => {
  const program =
    "console.log('ready'); process.stdin.on('end', () => console.log('lived on')).resume()";
  const child = spawn(process.execPath, ["--disable-sigusr1", "-e", program]);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await once(child.stdout, "data");

  child.kill("SIGUSR1");
  child.stdin.end();

  expect(await once(child, "close")).toEqual([0, null]);
  expect(output).toBe("ready\nlived on\n");
});
