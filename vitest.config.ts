import { availableParallelism } from "node:os";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const resolve = { conditions: ["@org/source", "node"] };

/** By far the longest, so that none of them starts when all others have ended. */
const longest = [
  "apps/recover/test/work/rotation.test.ts",
  "apps/recover/test/commands/expiry.test.ts",
  "apps/demo/test/main.test.ts",
  "apps/consumer/test/integration/",
];

const isLong = ({ moduleId }: TestSpecification): boolean =>
  longest.some((each) => moduleId.includes(each));

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- no array's
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

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
    // Most tests wait for a server or a process: two a core keep it busy.
    maxWorkers: 2 * availableParallelism(),
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});

export default config;
