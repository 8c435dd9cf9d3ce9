import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["@org/source", "node", "import", "default"] },
  ssr: { resolve: { conditions: ["@org/source", "node", "import", "default"] } },
  test: {
    include: ["{packages,apps}/*/test/**/*.test.ts"],

    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
