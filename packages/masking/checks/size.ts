/** Holds the entries to their size: minified, compressed, and bundled for the runtime they are for. */

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** The web entry is bundled for a browser, which fails if it reaches a module of Node's. */
const budgets = [
  { entry: "index", platform: "node", bytes: 8 * 1024 },
  { entry: "web", platform: "browser", bytes: 8 * 1024 },
] as const;

for (const { entry, platform, bytes } of budgets) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../dist/${entry}.js`, import.meta.url))],
    bundle: true,
    minify: true,
    format: "esm",
    platform,
    write: false,
    logLevel: "error",
  });
  const size = outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
  process.stdout.write(`${entry}: ${size} of ${bytes} bytes, minified and compressed\n`);
  if (size > bytes) process.exitCode = 1;
}
