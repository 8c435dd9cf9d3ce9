import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["src/index.ts", "src/keyring.ts", "src/seal.ts", "src/unseal.ts"],
  format: ["esm", "cjs"],
  target: "node20",
  // Shared chunks, for both formats: one MaskingError class, whichever subpath threw it.
  splitting: true,
  dts: true,
  clean: true,
});
