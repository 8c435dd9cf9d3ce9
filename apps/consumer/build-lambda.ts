/** Makes dist/lambda.zip, the code of an AWS Lambda function: the same bytes from the same sources. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import type { Plugin } from "esbuild";
import { zipSync } from "fflate";
import type { ZipOptions } from "fflate";

const here = import.meta.dirname;

/** A contract of one's own, in a layer, imports this package: the one that the function itself runs. */
const schema = "node_modules/@org/schema";

const schemaManifest = { name: "@org/schema", type: "module", exports: "./index.mjs" };

/** Packages that are CommonJS ask for `require`, which a module has not. */
const banner = `import { createRequire as lambdaRequire } from "node:module"; const require = lambdaRequire(import.meta.url);`;

/** Loaded from a file, drizzle's CommonJS build starts sooner; bundled, what is used of its modules. */
const bundledDrizzle: Plugin = {
  name: "bundled-drizzle",
  setup({ onLoad }) {
    onLoad({ filter: /\/db\/src\/drizzle\.ts$/ }, ({ path }) => ({
      contents: `export * as drizzle from "drizzle-orm"; export * as pgCore from "drizzle-orm/pg-core";`,
      resolveDir: dirname(path),
    }));
  },
};

/** Files by their names, readable by everybody: Lambda runs them as a user of its own. */
async function bundleLambda(): Promise<Record<string, Uint8Array>> {
  const { outputFiles } = await build({
    absWorkingDir: here,
    entryPoints: {
      index: "src/lambda/main.ts",
      [`${schema}/index`]: fileURLToPath(import.meta.resolve("@org/schema")),
    },
    outdir: "dist",
    outExtension: { ".js": ".mjs" },
    write: false,
    bundle: true,
    // What only some deployments need, such as KMS, is loaded by those alone.
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    conditions: ["@org/source"],
    external: ["pg-native"],
    plugins: [bundledDrizzle],
    minifySyntax: true,
    minifyWhitespace: true,
    banner: { js: banner },
  });
  const files = outputFiles.map(({ path, contents }): [string, Uint8Array] => [
    relative(`${here}/dist`, path),
    contents,
  ]);
  const manifest: [string, Uint8Array] = [
    `${schema}/package.json`,
    Buffer.from(JSON.stringify(schemaManifest)),
  ];
  return Object.fromEntries([...files, manifest].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** A date in local time, as a zip has it: the first that it can. */
const mtime = new Date(1980, 0, 1);

const attributes: ZipOptions = { mtime, os: 3, attrs: 0o100644 << 16 };

export async function zipLambda(): Promise<Uint8Array> {
  const files = Object.entries(await bundleLambda());
  return zipSync(
    Object.fromEntries(
      files.map(([name, bytes]): [string, [Uint8Array, ZipOptions]] => [name, [bytes, attributes]]),
    ),
  );
}

if (import.meta.main) {
  await mkdir(`${here}/dist`, { recursive: true });
  await writeFile(`${here}/dist/lambda.zip`, await zipLambda());
}
