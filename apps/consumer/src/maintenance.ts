/** The database's daily work, where nobody scheduled it: asked for from time to time, done by one of all consumers. */
import type { Turn } from "@org/db/writer";

const hourMs = 3_600_000;
const soonMs = 300_000;

export interface MaintenanceEvents {
  readonly maintained: (did: NonNullable<Turn["did"]>) => void;
  readonly failed: (error: unknown) => void;
}

export interface MaintenanceOptions extends MaintenanceEvents {
  /** Does what is due, unless another one does; ends at once where the signal aborts. */
  readonly takeTurn: (signal: AbortSignal) => Promise<Turn>;
  /** Default an hour. */
  readonly everyMs?: number;
  /** Where it failed, or is left to one that may have died. Default five minutes. */
  readonly againMs?: number;
}

/** Disposing of it cuts off what it does: the next one goes on there. */
export interface Maintenance extends AsyncDisposable {
  /** How things stood when they were last asked for; null before that. */
  readonly last: () => Pick<Turn, "endedAt" | "partitionsEnd"> | null;
}

/** Begins at once. */
export function startMaintenance({
  takeTurn,
  everyMs = hourMs,
  againMs = soonMs,
  ...events
}: MaintenanceOptions): Maintenance {
  const stop = new AbortController();
  let last: Turn | null = null;
  let timer: NodeJS.Timeout | undefined;

  async function turn(): Promise<void> {
    const taken = await takeTurn(stop.signal).catch((error: unknown) => {
      if (!stop.signal.aborted) events.failed(error);
      return null;
    });
    last = taken ?? last;
    if (taken?.did) events.maintained(taken.did);
    if (stop.signal.aborted) return;
    const isSettled = taken !== null && !taken.isLeft;
    timer = setTimeout(begin, isSettled ? everyMs : againMs).unref();
  }

  function begin(): void {
    running = turn();
  }

  let running = turn();
  return {
    last: () => last,
    async [Symbol.asyncDispose]() {
      stop.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
