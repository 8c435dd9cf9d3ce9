/** A copy of the working tree that runs: the same installed packages, sources of its own. */
import { execFileSync } from "node:child_process";
import { cp, lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../", import.meta.url));

/** Replaces `from`, which has to stand there exactly once. */
export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export async function copyTree(to: string): Promise<void> {
  const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], {
    cwd: repository,
    encoding: "utf8",
  });
  const files = listed.split("\n").filter((file) => file !== "");
  const packages = new Set(
    files.filter((file) => /(^|\/)package\.json$/.test(file)).map((file) => dirname(file)),
  );
  for (const file of files) {
    if (await exists(join(repository, file))) await copy(file, to);
  }
  for (const folder of packages) await linkModules(join(folder, "node_modules"), to);
}

async function copy(file: string, to: string): Promise<void> {
  await mkdir(dirname(join(to, file)), { recursive: true });
  await cp(join(repository, file), join(to, file));
}

/** Links within a copy of node_modules stay relative, so that a workspace package is the copy's own. */
async function linkModules(folder: string, to: string): Promise<void> {
  const from = join(repository, folder);
  if (!(await exists(from))) return;
  await mkdir(join(to, folder), { recursive: true });
  for (const entry of await readdir(from)) {
    if (entry === ".pnpm") await symlink(join(from, entry), join(to, folder, entry));
    else if (!entry.startsWith(".")) {
      await cp(join(from, entry), join(to, folder, entry), {
        recursive: true,
        verbatimSymlinks: true,
      });
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** @throws TypeError if the tree has changed so that the edit no longer says where. */
export async function edit(tree: string, { file, from, to }: Edit): Promise<void> {
  const path = join(tree, file);
  const text = await readFile(path, "utf8");
  if (text.split(from).length !== 2) throw new TypeError(`${file} has not one place for an edit.`);
  await writeFile(
    path,
    text.replace(from, () => to),
  );
}

export async function removeTree(tree: string): Promise<void> {
  await rm(tree, { recursive: true });
}
