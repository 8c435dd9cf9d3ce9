/** One PostgreSQL and one SQS server for a whole test run, and a migrated database to clone. */
import { migrate } from "@org/db";
import { startPostgres, startQueueServer } from "@org/local";
import { Client } from "pg";
import type { TestProject } from "vitest/node";

const template = "maskline_template";

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await using opening = new AsyncDisposableStack();
  // Tests that need a durable server start their own; this one may forget everything in a power cut.
  const postgres = opening.use(await startPostgres({ settings: { fsync: "off" } }));
  const queueServer = opening.use(await startQueueServer());

  const admin = new Client({ connectionString: postgres.adminUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${template}`);
  await admin.end();
  await migrate(postgres.url({ database: template }));

  project.provide("postgresAdminUrl", postgres.adminUrl);
  project.provide("queueEndpoint", queueServer.endpoint);
  const servers = opening.move();
  return () => servers.disposeAsync();
}
