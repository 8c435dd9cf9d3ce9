// Runs fauxqs on 127.0.0.1 for the process that forked this one, and ends with it.
import { startFauxqs } from "fauxqs";

process.once("disconnect", () => process.exit());

const [port, dataDirectory] = process.argv.slice(2);
await startFauxqs({
  host: "127.0.0.1",
  port: Number(port),
  logger: false,
  ...(dataDirectory !== undefined && { dataDir: dataDirectory }),
});
process.send?.("listening");
