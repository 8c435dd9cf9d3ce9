import { defineConfig, type ViteUserConfig } from "vitest/config";

const resolve = { conditions: ["@org/source", "node"] };

/** The tests that take minutes; the others run with `pnpm test`. */
const config: ViteUserConfig = defineConfig({
  resolve,
  ssr: { resolve },
  test: {
    include: ["chaos/test/long/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 300_000,
  },
});

export default config;
