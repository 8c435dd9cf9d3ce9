import { defineConfig, type ViteUserConfig } from "vitest/config";

/** `pnpm check:deploy`: tests that read the deployment's files and start no server. */
const config: ViteUserConfig = defineConfig({
  root: import.meta.dirname,
  ssr: { resolve: { conditions: ["@org/source", "node"] } },
  test: { include: ["test/**/*.test.ts"] },
});

export default config;
