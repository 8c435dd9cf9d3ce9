/** One request and its answer as text, over undici's dispatcher: `request` would make a stream of every body. */

import type { IncomingHttpHeaders } from "node:http";

import { type Dispatcher, errors } from "undici";

import { QueueError } from "./queue-error.ts";
import { ANSWER_LIMIT_BYTES } from "./transport.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Rejects with undici's error, also where `signal` aborts: at once, or when the connection is made that it waits for. */
export async function exchange(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  signal?: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | null = null;
    let status = 0;
    let headers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    let bytes = 0;

    const abort = (): void => controller?.abort(new errors.RequestAbortedError());
    signal?.addEventListener("abort", abort, { once: true });
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        controller = started;
        if (signal?.aborted === true) abort();
      },
      onResponseStart(_controller, startStatus, startHeaders) {
        status = startStatus;
        headers = startHeaders;
      },
      onResponseData(receiving, chunk) {
        bytes += chunk.length;
        if (bytes > ANSWER_LIMIT_BYTES) receiving.abort(new QueueError("answer_too_large"));
        else chunks.push(chunk);
      },
      onResponseEnd() {
        signal?.removeEventListener("abort", abort);
        resolve({ status, headers, text: Buffer.concat(chunks).toString() });
      },
      onResponseError(_controller, error) {
        signal?.removeEventListener("abort", abort);
        reject(error);
      },
    };
    dispatcher.dispatch(options, handler);
  });
}
