/** The lean transport: the three hot calls over connections of our own, at a fraction of the SDK's CPU. */

import type { Answer } from "./answer-reader.ts";
import { type Connections, openConnections } from "./connections.ts";
import { refusalError, toQueueError } from "./lean-fault.ts";
import { QueueError } from "./queue-error.ts";
import type { TransportOptions } from "./sdk-transport.ts";
import { createServerClock } from "./server-clock.ts";
import { createSigner, type Signed, type Signer } from "./signer.ts";
import type { Transport } from "./transport.ts";

/** Each kind of call has connections of its own. */
const kinds = ["polls", "deletes", "renewals"] as const;

type Kind = (typeof kinds)[number];

interface Ready {
  readonly connections: Readonly<Record<Kind, Connections>>;
  readonly signer: Signer;
}

interface Call {
  readonly kind: Kind;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly sign: (signer: Signer) => Promise<Signed>;
  readonly body: string;
}

export function openLeanTransport(options: TransportOptions): Transport {
  const { target, credentials, timeouts } = options;
  const { callMs } = timeouts;
  const clock = createServerClock();
  const prepare = async (): Promise<Ready> => {
    const { region, endpoint } = await target();
    const signer = createSigner({ region, endpoint, credentials, clock });
    const open = (): Connections => openConnections(endpoint, callMs);
    return { connections: { polls: open(), deletes: open(), renewals: open() }, signer };
  };
  let prepared: Promise<Ready> | undefined;
  const dateOf = createDateOf();

  const post = async ({ kind, timeoutMs, signal, sign, body }: Call): Promise<object> => {
    try {
      const { connections, signer } = await (prepared ??= prepare());
      const { head, dateMs } = await sign(signer);
      const answer = await connections[kind].exchange({ head, body, timeoutMs, signal });
      const serverMs = dateOf(answer) ?? clock.nowMs();
      clock.set(serverMs);
      if (answer.status === 200) return parse(answer.text);

      signer.forget();
      throw refusalError({
        status: answer.status,
        type: answer.headers.get("x-amzn-errortype"),
        text: answer.text,
        skewMs: serverMs - dateMs,
      });
    } catch (error) {
      throw toQueueError(error);
    }
  };

  const postBatch = async (kind: Kind, operation: string, request: object): Promise<object> => {
    const body = JSON.stringify(request);
    const sign = async (signer: Signer): Promise<Signed> => signer.sign(operation, body);
    return post({ kind, timeoutMs: callMs, sign, body });
  };

  return {
    async receiveMessage(request, { timeoutMs, signal }) {
      const body = JSON.stringify(request);
      const sign = async (signer: Signer): Promise<Signed> =>
        signer.signReusable("ReceiveMessage", body);
      return post({ kind: "polls", timeoutMs, signal, sign, body });
    },
    deleteMessageBatch: async (request) => postBatch("deletes", "DeleteMessageBatch", request),
    changeMessageVisibilityBatch: async (request) =>
      postBatch("renewals", "ChangeMessageVisibilityBatch", request),
    serverNowMs: clock.nowMs,
    async close() {
      const ready = await prepared?.catch(() => null);
      for (const kind of kinds) ready?.connections[kind].close();
    },
  };
}

/** What a signature's date can be. Beyond it none can be made, so no answer would ever bring a better one. */
const signableMs = { from: 0, to: Date.UTC(9999, 0) };

/** Of the answer's second; null for an answer out of a cache, whose date is not now. Most repeat the one before. */
function createDateOf(): (answer: Answer) => number | null {
  let text = "";
  let ms = Number.NaN;
  return ({ headers }) => {
    const date = headers.get("date");
    if (date === undefined || headers.has("age")) return null;
    if (date !== text) {
      text = date;
      ms = Date.parse(date);
    }
    return ms >= signableMs.from && ms < signableMs.to ? ms : null;
  };
}

function parse(text: string): object {
  try {
    return Object(JSON.parse(text === "" ? "{}" : text)) as object;
  } catch {
    throw new QueueError("malformed_response", { status: 200 });
  }
}
