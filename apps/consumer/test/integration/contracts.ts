/** The contracts that this package's suites go over, each with what a consumer is told to serve it. */
import { fileURLToPath } from "node:url";

import { contracts, createParser, loadContract, sampleMessages } from "@org/schema";
import type { AnyContract, MessageOf, SampleMessage } from "@org/schema";

export interface Served {
  /** For the names of tests. */
  readonly name: string;
  readonly contract: AnyContract;
  /** MASKLINE_CONTRACT: a name, or a path. */
  readonly setting: string;
}

const orders = fileURLToPath(new URL("../../../../examples/orders.contract.ts", import.meta.url));

/** Every contract that is shipped, by its name, and one of a user's, by its path. */
export const served: readonly Served[] = [
  ...contracts.map((contract) => ({ name: contract.name, contract, setting: contract.name })),
  { name: "orders", contract: await loadContract(orders), setting: orders },
];

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
