/** Reduces any error to the fields that are safe to log: never a message, a value or a cause. */

export type Stage = "start" | "receive" | "write" | "depth" | "maintain" | "trace" | "crash";

export interface Failure {
  readonly stage: Stage;
  /** Of the closed list of whoever threw it; else a library's code, or the error's class. */
  readonly reason: string;
  readonly sqlState: string | null;
  readonly constraint: string | null;
  /** What the runtime calls a fault of the connection: ECONNREFUSED and its like. */
  readonly systemCode: string | null;
}

/** What an identifier looks like; anything else might carry a value, such as an address. */
const identifier = /^[A-Za-z][\w.-]{0,63}$/;
const sqlStateForm = /^[0-9A-Z]{5}$/;
const systemCodeForm = /^[A-Z][A-Z0-9_]{1,63}$/;

export function toFailure(stage: Stage, error: unknown): Failure {
  const reason = ["reason", "code", "name"]
    .map((property) => textOf(error, property, identifier))
    .find((text) => text !== null);
  return {
    stage,
    reason: reason ?? "unknown",
    sqlState: textOf(error, "sqlState", sqlStateForm),
    constraint: textOf(error, "constraint", identifier),
    systemCode: textOf(error, "systemCode", systemCodeForm),
  };
}

function textOf(error: unknown, property: string, form: RegExp): string | null {
  const value: unknown = error instanceof Error ? Reflect.get(error, property) : null;
  return typeof value === "string" && form.test(value) ? value : null;
}

const mostFrames = 8;

/** Where an error arose. The stack begins with the message, which may look like anything: it is cut off. */
export function framesOf(error: unknown): string[] {
  if (!(error instanceof Error) || error.stack === undefined) return [];
  const messageAt = error.stack.indexOf(error.message);
  if (messageAt === -1) return [];
  const frames = error.stack.slice(messageAt + error.message.length).split("\n");
  return frames.filter((line) => /^\s+at .+:\d+:\d+\)?$/.test(line)).slice(0, mostFrames);
}

/** Why the service cannot start, and what to do about it; both safe to print. */
export class StartFault extends Error {
  readonly advice: string;
  constructor(what: string, advice: string) {
    super(what);
    this.name = "StartFault";
    this.advice = advice;
  }
}

/** What to print of a start that failed: every fault, and what to do. Null where one of them is unexpected. */
export function startFaultLines(error: unknown): string[] | null {
  const faults: unknown[] = error instanceof AggregateError ? error.errors : [error];
  const explained = faults.filter((fault) => fault instanceof StartFault);
  if (explained.length < faults.length) return null;
  return explained.map(
    ({ message, advice }) => `  ${message.replaceAll("\n", "\n  ")}\n    what to do: ${advice}\n`,
  );
}
