/** Reduces any error to the fields that are safe to log: never a message, a value or a cause. */

export type Stage = "start" | "receive" | "write" | "trace" | "crash";

export interface Failure {
  readonly stage: Stage;
  /** A code of ours or of a library's, else the error's class name. */
  readonly code: string;
  readonly sqlState: string | null;
  readonly constraint: string | null;
  /** What the runtime calls a fault of the connection: ECONNREFUSED and its like. */
  readonly systemCode: string | null;
  /** The row is at fault, not the database: trying it again cannot help. */
  readonly isRowFault: boolean;
  /** The statement took too long: a smaller one may pass. */
  readonly isTimeout: boolean;
}

/** What an identifier looks like; anything else might carry a value, such as an address. */
const identifier = /^[A-Za-z][\w.-]{0,63}$/;
const sqlStateForm = /^[0-9A-Z]{5}$/;
const systemCodeForm = /^[A-Z][A-Z0-9_]{1,63}$/;

export function toFailure(stage: Stage, error: unknown): Failure {
  return {
    stage,
    code: identifierOf(error, "code") ?? identifierOf(error, "name") ?? "unknown",
    sqlState: textOf(error, "sqlState", sqlStateForm),
    constraint: identifierOf(error, "constraint"),
    systemCode: textOf(error, "systemCode", systemCodeForm),
    isRowFault: identifierOf(error, "kind") === "data",
    isTimeout: error instanceof Error && Reflect.get(error, "timedOut") === true,
  };
}

function identifierOf(error: unknown, property: string): string | null {
  return textOf(error, property, identifier);
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
