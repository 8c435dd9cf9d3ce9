/** Sample messages of the contract that is measured: the login, which is what the other contenders read. */
import { createParser, login, type MessageOf, sampleMessages } from "@org/schema";

export const contract = login;
export type Message = MessageOf<typeof contract>;

interface Sample {
  readonly body: string;
  readonly message: Message;
}

/** Of the contract's messages only, and with a version: the original fails on any other. */
export function samples(count: number): Sample[] {
  const parse = createParser(contract);
  const all = sampleMessages(contract, { count: 2 * count, seed: 1 }).flatMap(({ body }) => {
    const parsed = parse(body);
    const isRead = parsed.kind === "message" && parsed.message.app_version !== null;
    return isRead ? [{ body, message: parsed.message }] : [];
  });
  return all.slice(0, count);
}

export function sampleBodies(count: number): string[] {
  return samples(count).map(({ body }) => body);
}

export function sampledMessages(count: number): Message[] {
  return samples(count).map(({ message }) => message);
}
