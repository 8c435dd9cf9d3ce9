/** Reads the deployment's files. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

const root = new URL("../../", import.meta.url);

export function pathOf(path: string): string {
  return fileURLToPath(new URL(path, root));
}

export function readText(path: string): string {
  return readFileSync(pathOf(path), "utf8");
}

export function readYaml(path: string): unknown {
  return parse(readText(path), { merge: true });
}
