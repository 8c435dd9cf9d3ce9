/** Ctrl-C and SIGTERM: the first stops the program, which cleans up. */
import { once } from "node:events";

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;
/** pnpm passes on a signal that the terminal has sent to the whole group: one Ctrl-C arrives twice. */
const sameInterruptionMs = 1_000;

export interface Interruption {
  readonly signal: AbortSignal;
  /** Null while nobody interrupted. */
  readonly exitCode: () => number | null;
  /** Resolves once somebody does. */
  readonly come: () => Promise<void>;
}

/** Another signal, a second or more later, ends this process at once and leaves the cleaning to its leash. */
export function listenForInterruption(): Interruption {
  const controller = new AbortController();
  const { signal } = controller;
  let code: number | null = null;
  let firstMs = 0;
  for (const [name, exitCode] of Object.entries(exitCodes)) {
    process.on(name, () => {
      if (code === null) {
        code = exitCode;
        firstMs = performance.now();
        controller.abort();
      } else if (performance.now() - firstMs >= sameInterruptionMs) process.exit(code);
    });
  }
  return {
    signal,
    exitCode: () => code,
    async come() {
      if (!signal.aborted) await once(signal, "abort");
    },
  };
}
