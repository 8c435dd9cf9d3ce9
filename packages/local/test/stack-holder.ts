// Starts both servers, says where they are, and stays until it is killed.
import { startPostgres } from "../src/postgres.ts";
import { startQueueServer } from "../src/queue-server.ts";

const postgres = await startPostgres();
const queueServer = await startQueueServer();
process.stdout.write(
  JSON.stringify({
    postgresDirectory: postgres.dataDirectory,
    queueEndpoint: queueServer.endpoint,
  }),
);
