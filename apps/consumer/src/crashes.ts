/** A crash says its reason and place, never what it was working on. */
import type { Logger } from "pino";

import { framesOf, toFailure } from "./failure.ts";

/** Before any other listener: a runtime's own would repeat what the error says. */
export function reportCrashes(log: Logger, exitCode: number): void {
  process.prependListener("uncaughtException", (error: unknown) => {
    log.fatal({ ...toFailure("crash", error), frames: framesOf(error) }, "unexpected fault");
    process.exit(exitCode);
  });
}
