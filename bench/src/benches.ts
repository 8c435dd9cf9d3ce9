/** Every bench, in the order in which they run. */
import type { Bench } from "./bench.ts";
import { batchWrite } from "./benches/batch-write.ts";
import { distance } from "./benches/distance.ts";
import { endToEnd } from "./benches/end-to-end.ts";
import { masking } from "./benches/masking.ts";
import { parsing } from "./benches/parsing.ts";
import { scaleProcesses } from "./benches/scale-processes.ts";
import { scaleRows } from "./benches/scale-rows.ts";
import { scaleWaiting } from "./benches/scale-waiting.ts";
import { sealing } from "./benches/sealing.ts";
import { settings } from "./benches/settings.ts";
import { transports } from "./benches/transports.ts";

export const benches: readonly Bench[] = [
  endToEnd,
  distance,
  transports,
  batchWrite,
  masking,
  sealing,
  parsing,
  scaleRows,
  scaleWaiting,
  scaleProcesses,
  settings,
];
