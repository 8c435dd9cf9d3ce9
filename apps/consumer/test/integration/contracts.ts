/** Messages of the contracts that the suites go over, and what becomes of them. */
import { createParser, sampleMessages } from "@org/schema";
import type { AnyContract, MessageOf, SampleMessage } from "@org/schema";
import { served, type Served } from "@org/schema/test-contracts";

/** For what depends on no contract. */
export const [anyServed] = served as readonly [Served];

export type Message = MessageOf<AnyContract>;

/** Samples that are messages. */
export function messagesOf(
  contract: AnyContract,
  { count, seed }: { count: number; seed: number },
): { body: string; message: Message }[] {
  const parse = createParser(contract);
  const samples = sampleMessages(contract, { count: count + Math.ceil(count / 5) + 5, seed });
  return samples
    .flatMap(({ body }) => {
      const parsed = parse(body);
      return parsed.kind === "message" ? [{ body, message: parsed.message }] : [];
    })
    .slice(0, count);
}

/** Samples as a queue holds them: one in a hundred is none. */
export function samplesOf(
  { contract }: Pick<Served, "contract">,
  options: { count: number; seed: number },
): SampleMessage[] {
  return sampleMessages(contract, options);
}

/** What a record of a message holds, sealed: every masked field that is there, and the subject. */
export function originalsOf(contract: AnyContract, message: Message): Record<string, string> {
  return Object.fromEntries(
    contract.fields
      .filter(({ name, isMasked }) => isMasked || name === contract.subject)
      .flatMap(({ name }) => {
        const value = message[name];
        return value === null || value === undefined ? [] : [[name, String(value)]];
      }),
  );
}

/** The columns of the message's table that hold tokens. */
export function tokenColumns({ columns }: AnyContract): string[] {
  return columns.flatMap(({ name, from }) => (from.kind === "token" ? [name] : []));
}
