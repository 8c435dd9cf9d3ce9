/** A copy of this repository that a change may be tried on. */
import { cp, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { leashDirectory, unleashDirectory } from "@org/local";

const repository = join(import.meta.dirname, "../..");
const packages = "node_modules/.pnpm";
/** Built, cached, or not of the tree. */
const left = new Set([".git", ".turbo", ".pnpm", ".cache", ".vite", ".vitest-cache", "dist"]);

export interface Tree extends AsyncDisposable {
  readonly directory: string;
  readonly edit: (change: Edit) => Promise<void>;
}

/** In a file that holds `old` once. */
export interface Edit {
  readonly file: string;
  readonly old: string;
  readonly fresh: string;
}

/** The sources are copied; what is installed is used where it is. */
export async function copyTree(): Promise<Tree> {
  // Node says of each module where it really is.
  const directory = await realpath(await mkdtemp(join(tmpdir(), "maskline-exercise-")));
  leashDirectory(directory);
  await cp(repository, directory, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => !left.has(basename(source)),
  });
  await symlink(join(repository, packages), join(directory, packages));
  return {
    directory,
    async edit({ file, old, fresh }) {
      const path = join(directory, file);
      const parts = (await readFile(path, "utf8")).split(old);
      if (parts.length !== 2) throw new Error(`${file} does not hold this once: ${old}`);
      await writeFile(path, parts.join(fresh));
    },
    async [Symbol.asyncDispose]() {
      await rm(directory, { recursive: true, force: true });
      unleashDirectory(directory);
    },
  };
}
