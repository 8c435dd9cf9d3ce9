/** The edge to AWS Lambda: what the runtime loads once a sandbox, and calls once an event. */
import { faultLines } from "@org/settings";
import { pino } from "pino";

import { readWorkConfig } from "../config.ts";
import { reportCrashes } from "../crashes.ts";
import { framesOf, startFaultLines, toFailure } from "../failure.ts";
import { compose } from "./compose.ts";
import type { BatchResponse, Handle, Invocation } from "./handle.ts";

/** The runtime repeats its message and its stack: both say nothing but what is safe to print. */
class FunctionFault extends Error {
  override readonly name = "FunctionFault";
  constructor(message: string) {
    super(message);
    this.stack = `${this.name}: ${message}`;
  }
}

async function start(): Promise<Handle> {
  const read = readWorkConfig();
  if ("faults" in read) {
    const lines = faultLines(read.faults).map((line) => `  ${line}\n`);
    throw new FunctionFault(`The configuration has ${lines.length} fault(s):\n${lines.join("")}`);
  }
  const log = pino({ level: read.config.LOG_LEVEL });
  reportCrashes(log, 1);
  const explain = (error: unknown): FunctionFault => {
    const lines = startFaultLines(error);
    if (lines) return new FunctionFault(`Cannot start:\n${lines.join("")}`);
    const failure = toFailure("crash", error);
    log.error({ ...failure, frames: framesOf(error) }, "unexpected fault");
    return new FunctionFault(`unexpected fault: ${failure.reason}`);
  };
  const handle = await compose(read.config, log).catch((error: unknown) => {
    throw explain(error);
  });
  return (event, invocation) =>
    handle(event, invocation).catch((error: unknown) => {
      throw explain(error);
    });
}

const handle = await start();

/** Named in the function's configuration, as `index.handler`. Whatever throws comes again as a whole. */
export async function handler(event: unknown, invocation: Invocation): Promise<BatchResponse> {
  return handle(event, invocation);
}
