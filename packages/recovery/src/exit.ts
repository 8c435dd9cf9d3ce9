/** How the tool ends: exit codes, and the error that carries one. */

/** Part of the tool's contract; scripts branch on them. */
export const exit = {
  done: 0,
  unexpected: 1,
  configuration: 2,
  denied: 3,
  notFound: 4,
  unsealFailed: 5,
  auditUnavailable: 20,
  tampering: 30,
} as const;

export type ExitCode = (typeof exit)[keyof typeof exit];

/**
 * An end that the tool foresees. Its text is made of constant sentences, ids and counts, never of
 * a value; `advice` says what to do next.
 */
export class RecoverError extends Error {
  override readonly name = "RecoverError";
  readonly exitCode: ExitCode;
  readonly advice: string;
  /** Every fault that was found, where there can be several; else empty. */
  readonly faults: readonly string[];

  constructor(
    exitCode: ExitCode,
    message: string,
    { advice, faults = [] }: { readonly advice: string; readonly faults?: readonly string[] },
  ) {
    super(message);
    this.exitCode = exitCode;
    this.advice = advice;
    this.faults = faults;
  }
}
