/** What tells a process to stop, and what is only its echo. */

/** One Ctrl-C or one stop reaches a process group, and pnpm passes it on: all within a moment are one signal. */
const sameSignalMs = 1_000;

export interface StopHandlers {
  /** Called once, at the first signal; of a worker also, as if by SIGTERM, when its supervisor is gone. */
  readonly stop: (signal: NodeJS.Signals) => void;
  /** At a signal that comes a second later, or after that. */
  readonly exitAtOnce: (signal: NodeJS.Signals) => void;
  readonly isWorker: boolean;
}

/** Undone by disposing of it. */
export function onStop({ stop, exitAtOnce, isWorker }: StopHandlers): Disposable {
  let stoppedAtMs: number | null = null;

  function onSignal(signal: NodeJS.Signals): void {
    if (stoppedAtMs === null) {
      stoppedAtMs = performance.now();
      stop(signal);
    } else if (performance.now() - stoppedAtMs >= sameSignalMs) {
      exitAtOnce(signal);
    }
  }

  function onDisconnect(): void {
    if (isWorker && stoppedAtMs === null) onSignal("SIGTERM");
  }

  process.on("SIGTERM", onSignal).on("SIGINT", onSignal).on("disconnect", onDisconnect);
  return {
    [Symbol.dispose]() {
      process.off("SIGTERM", onSignal).off("SIGINT", onSignal).off("disconnect", onDisconnect);
    },
  };
}
