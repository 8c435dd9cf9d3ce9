import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["index", "keyring", "seal", "unseal", "kms"].map((name) => `src/${name}.ts`),
  format: ["esm", "cjs"],
  target: "node20",
  // Shared chunks, for both formats: one MaskingError class, whichever subpath threw it.
  splitting: true,
  // Disposable is in no library that a compiler has by default.
  dts: { banner: '/// <reference lib="esnext.disposable" />' },
  clean: true,
  // Deno knows Node's modules by their `node:` names alone.
  removeNodeProtocol: false,
});
