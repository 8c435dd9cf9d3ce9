/** The lean transport: the three hot calls over undici, at a fraction of the SDK's CPU. */

import { Agent } from "undici";

import { BATCH_CONCURRENCY } from "./batch-calls.ts";
import { type Answer, exchange } from "./exchange.ts";
import { refusalError, toQueueError } from "./lean-fault.ts";
import { QueueError } from "./queue-error.ts";
import type { TransportOptions } from "./sdk-transport.ts";
import { createServerClock } from "./server-clock.ts";
import { createSigner, type Signed, type Signer } from "./signer.ts";
import type { Transport } from "./transport.ts";

interface Ready {
  readonly origin: string;
  readonly path: string;
  readonly signer: Signer;
}

interface Call {
  readonly agent: Agent;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly sign: (signer: Signer) => Promise<Signed>;
  readonly body: string;
}

export function openLeanTransport(options: TransportOptions): Transport {
  const { target, credentials, timeouts } = options;
  const { callMs } = timeouts;
  const clock = createServerClock();
  // A poll may be as long as it likes until its headers; a pause in any body is a fault.
  const agentOptions = { allowH2: false, bodyTimeout: callMs, connectTimeout: callMs };
  const polls = new Agent(agentOptions);
  const deletes = new Agent({ ...agentOptions, connections: BATCH_CONCURRENCY });
  const renewals = new Agent({ ...agentOptions, connections: BATCH_CONCURRENCY });

  const prepare = async (): Promise<Ready> => {
    const { region, endpoint } = await target();
    const signer = createSigner({ region, endpoint, credentials, clock });
    return { origin: endpoint.origin, path: endpoint.pathname, signer };
  };
  let prepared: Promise<Ready> | undefined;

  const post = async ({ agent, timeoutMs, signal, sign, body }: Call): Promise<object> => {
    try {
      const { origin, path, signer } = await (prepared ??= prepare());
      const { headers, dateMs } = await sign(signer);
      const answer = await exchange(
        agent,
        { origin, path, method: "POST", headers, body, headersTimeout: timeoutMs },
        signal,
      );
      const serverMs = dateOf(answer) ?? clock.nowMs();
      clock.set(serverMs);
      if (answer.status === 200) return parse(answer.text);

      signer.forget();
      throw refusalError({
        status: answer.status,
        type: answer.headers["x-amzn-errortype"],
        text: answer.text,
        skewMs: serverMs - dateMs,
      });
    } catch (error) {
      throw toQueueError(error);
    }
  };

  const postBatch = async (agent: Agent, operation: string, request: object): Promise<object> => {
    const body = JSON.stringify(request);
    const sign = async (signer: Signer): Promise<Signed> => signer.sign(operation, body);
    return post({ agent, timeoutMs: callMs, sign, body });
  };

  return {
    async receiveMessage(request, { timeoutMs, signal }) {
      const body = JSON.stringify(request);
      const sign = async (signer: Signer): Promise<Signed> =>
        signer.signReusable("ReceiveMessage", body);
      return post({ agent: polls, timeoutMs, signal, sign, body });
    },
    deleteMessageBatch: async (request) => postBatch(deletes, "DeleteMessageBatch", request),
    changeMessageVisibilityBatch: async (request) =>
      postBatch(renewals, "ChangeMessageVisibilityBatch", request),
    serverNowMs: clock.nowMs,
    async close() {
      await Promise.all([polls, deletes, renewals].map(async (agent) => agent.destroy()));
    },
  };
}

/** Null for an answer out of a cache, whose date is not now. */
function dateOf({ headers }: Answer): number | null {
  const { date, age } = headers;
  if (date === undefined || age !== undefined) return null;
  const serverMs = Date.parse(date);
  return Number.isNaN(serverMs) ? null : serverMs;
}

function parse(text: string): object {
  try {
    return Object(JSON.parse(text === "" ? "{}" : text)) as object;
  } catch {
    throw new QueueError("malformed_response", { status: 200 });
  }
}
