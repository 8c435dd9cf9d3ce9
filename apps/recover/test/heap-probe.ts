/** In the process under test: writes what is reachable to the file that it is told, once all else was collected. */

import { writeHeapSnapshot } from "node:v8";

/** Must be found: else the search finds nothing that it looks for. */
const held = [process.pid, "is held"].join(" ");

process.on("message", (path: string) => {
  globalThis.gc?.();
  process.send?.({ held, path: writeHeapSnapshot(path) });
});
process.channel?.unref();
