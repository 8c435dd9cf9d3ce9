import { defineConfig, type ViteUserConfig } from "vitest/config";

const resolve = { conditions: ["@org/source", "node"] };

const config: ViteUserConfig = defineConfig({
  // Three module graphs read workspace packages from source: the tests', Node's, and that of test/global-setup.ts.
  resolve,
  ssr: { resolve },
  environments: { __vitest__: { resolve } },
  test: {
    include: [
      "{packages,apps}/*/test/**/*.test.ts",
      "bench/test/**/*.test.ts",
      "chaos/test/*.test.ts",
      "test/**/*.test.ts",
    ],
    globalSetup: ["test/global-setup.ts"],
    setupFiles: ["test/no-stray-console.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});

export default config;
