/**
 * Compares what the package exports with api/, entry by entry, so that a change of the public API is
 * seen in review. With `--write`, writes api/ anew.
 */

import { mkdtempDisposableSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";

const root = fileURLToPath(new URL("..", import.meta.url));
const entries = ["index", "keyring", "seal", "unseal", "kms"];
const { values } = parseArgs({ options: { write: { type: "boolean", default: false } } });

using reports = mkdtempDisposableSync(join(tmpdir(), "api-report-"));
for (const entry of entries) {
  const config = ExtractorConfig.prepare({
    packageJsonFullPath: join(root, "package.json"),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, `dist/${entry}.d.ts`),
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            lib: ["es2024"],
            module: "nodenext",
            types: ["node"],
            skipLibCheck: true,
          },
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: entry,
        reportFolder: reports.path,
        reportTempFolder: reports.path,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      messages: { extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None } } },
    },
  });
  const { succeeded } = Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => {
      message.handled = message.logLevel !== ExtractorLogLevel.Error;
    },
  });
  const name = `${entry}.api.md`;
  const report = read(join(reports.path, name));
  if (values.write) writeFileSync(join(root, "api", name), report);
  expect(succeeded, `${entry} could not be read.`);
  expect(
    report === read(join(root, "api", name)),
    `api/${name} is not what ${entry} exports. After: pnpm --filter @org/masking api:write`,
  );
  expect(!report.includes("@public (undocumented)"), `An export of ${entry} has no documentation.`);
}

function read(path: string): string {
  return readFileSync(path, "utf8");
}

function expect(holds: boolean, otherwise: string): void {
  if (holds) return;
  process.stderr.write(`${otherwise}\n`);
  process.exitCode = 1;
}
