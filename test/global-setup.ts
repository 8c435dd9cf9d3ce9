/** One PostgreSQL and one SQS server for a whole test run, and a migrated database to clone. */
import { migrate } from "@org/db";
import { startPostgres, startQueueServer } from "@org/local";
import { login } from "@org/schema";
import { Client } from "pg";
import type { TestProject } from "vitest/node";

const template = "maskline_template";

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  forgetTheCallersShell();
  await using opening = new AsyncDisposableStack();
  // Tests that need a durable server start their own; this one may forget everything in a power cut.
  const postgres = opening.use(await startPostgres({ settings: { fsync: "off" } }));
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
