/** One PostgreSQL and one SQS server for a whole test run, and a migrated database to clone. */
import { join } from "node:path";
import { migrate } from "@org/db";
import { startPostgres, startQueueServer } from "@org/local";
import { login } from "@org/schema";
import { Client } from "pg";
import type { TestProject } from "vitest/node";

const template = "maskline_template";

/** Half of what a test's process costs at its start is compiling: one after the other would do it anew. */
const compileCache = join(import.meta.dirname, "../node_modules/.cache/compiled");

const forgetful = {
  fsync: "off",
  full_page_writes: "off",
  synchronous_commit: "off",
};

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  forgetTheCallersShell();
  process.env["NODE_COMPILE_CACHE"] ??= compileCache;
  await using opening = new AsyncDisposableStack();
  // Tests that need a durable server start their own; this one may forget everything in a power cut.
  const postgres = opening.use(await startPostgres({ settings: forgetful }));
  const queueServer = opening.use(await startQueueServer());

  const admin = new Client({ connectionString: postgres.adminUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${template}`);
  await admin.end();
  await migrate(postgres.url({ database: template }), { contract: login });

  project.provide("postgresAdminUrl", postgres.adminUrl);
  project.provide("queueEndpoint", queueServer.endpoint);
  const servers = opening.move();
  return () => servers.disposeAsync();
}

/** What it says of AWS and of colours would reach the tests' workers, and is not what is tested. */
function forgetTheCallersShell(): void {
  for (const name of Object.keys(process.env)) {
    if (/^(AWS_|FORCE_COLOR$)/.test(name)) delete process.env[name];
  }
}
