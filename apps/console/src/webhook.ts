/** Tells a receiver that a request waits, and that it was approved: ids and a link, no term of it. */

import type { OpenGrant } from "@org/db";
import { stateOf } from "@org/recovery";
import type { ConsolePorts } from "./ports.ts";

const triesAtMost = 8;
const firstPauseMs = 15_000;

/**
 * Sends what is open and was not told yet, at each call: at least once to whoever answers within
 * half an hour, and after a restart again, with the same id.
 */
export function createWebhook(
  url: URL,
  listOpen: () => Promise<readonly OpenGrant[]>,
  { origin, readKeyring, log, now }: Pick<ConsolePorts, "origin" | "readKeyring" | "log" | "now">,
): () => Promise<void> {
  /** Due never once it was told, or given up. */
  let events = new Map<string, { tries: number; dueMs: number }>();
  return async () => {
    const [keyring, open, before] = [await readKeyring(), await listOpen(), events];
    const ids = open.map((grant) => `${grant.id}.${stateOf(grant, keyring)}`);
    events = new Map(ids.map((id) => [id, before.get(id) ?? { tries: 0, dueMs: 0 }]));
    const due = [...events].filter(([, { dueMs }]) => dueMs <= now()).slice(0, 16);
    const sending = due.map(async ([id, each]) => {
      const [grant, state] = id.split(".");
      const event = { id, grant, state, link: `${origin.origin}/grants/${grant}` };
      const isTold = await post(url, event);
      each.tries += 1;
      const isGivenUp = !isTold && each.tries === triesAtMost;
      each.dueMs = isTold || isGivenUp ? Infinity : now() + firstPauseMs * 2 ** (each.tries - 1);
      if (isGivenUp) log.error({ id }, "given up: the webhook's receiver does not take it");
    });
    await Promise.all(sending);
  };
}

async function post(url: URL, event: object): Promise<boolean> {
  const body = new Blob([JSON.stringify(event)], { type: "application/json" });
  const signal = AbortSignal.timeout(5_000);
  const sent = fetch(url, { method: "POST", body, redirect: "manual", signal });
  const answer = await sent.catch(() => null);
  await answer?.body?.cancel();
  return answer?.ok === true;
}
