import { expect, test } from "vitest";
import { readText } from "./files.ts";

const instructions = readText("deploy/Dockerfile")
  .split("\n")
  .map((line) => line.trim().split(" "));

function argumentsOf(instruction: string): string[][] {
  return instructions.filter(([name]) => name === instruction).map(([, ...rest]) => rest);
}

test("images run the very Node that the tests run on, pinned by digest", () => {
  const images = argumentsOf("FROM").map(([image = ""]) => image);
  const pulled = images.filter((image) => image.includes(":"));

  expect(pulled).toHaveLength(1);
  const [tag, digest] = pulled[0]?.split("@") ?? [];
  expect(tag).toBe(`node:${process.versions.node}-bookworm-slim`);
  expect(digest).toMatch(/^sha256:[\da-f]{64}$/);
});

test("images are built by the pnpm that the repository names", () => {
  const { packageManager } = JSON.parse(readText("package.json")) as { packageManager: string };

  expect(argumentsOf("RUN")[0]).toEqual(["npm", "install", "--global", packageManager]);
});

test("no program runs as root", () => {
  const stages = readText("deploy/Dockerfile")
    .split(/^FROM /m)
    .slice(3);
  const users = stages.flatMap((stage) => stage.match(/(?<=^USER ).*/gm)?.at(-1) ?? []);

  expect(new Set(users)).toEqual(new Set(["1000:1000"]));
  expect(stages.slice(1).every((stage) => stage.startsWith("runtime AS "))).toBe(true);
});
