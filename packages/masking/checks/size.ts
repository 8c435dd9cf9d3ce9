/** Holds the tokenizing entry to its size: bundled, minified and compressed. */

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const budget = 8 * 1024;

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL("../dist/index.js", import.meta.url))],
  bundle: true,
  minify: true,
  format: "esm",
  platform: "node",
  write: false,
  logLevel: "error",
});
const size = outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
process.stdout.write(`${size} of ${budget} bytes, minified and compressed\n`);
if (size > budget) process.exitCode = 1;
