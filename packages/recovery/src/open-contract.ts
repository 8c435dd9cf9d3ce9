/** What `recover` and the console open alike. */

import { createTokenizer, type Keyring, type Tokenizer } from "@org/masking";
import {
  type AnyContract,
  ContractError,
  contractPath,
  createParser,
  loadContract,
  type MessageOf,
  type Parse,
  tagFields,
} from "@org/schema";
import { type Exposure, exposuresOfContract } from "@org/settings";
import { exit, RecoverError } from "./exit.ts";
import { approvalsFor, isUrl, type RecoverKeyring } from "./signing/recover-keyring.ts";

export interface ContractChoice {
  /** Of one that is shipped, or the path of a module. */
  readonly name: string;
  /** What a relative path starts at. */
  readonly directory: string | undefined;
  /** Throws if production refuses one of these. */
  readonly refuse: (exposed: readonly Exposure[]) => void;
}

/** @throws {@link RecoverError} (exit 2) with every fault of the contract. */
export async function openContract({
  name,
  directory,
  refuse,
}: ContractChoice): Promise<AnyContract> {
  // Before it runs.
  const exposed = exposuresOfContract(contractPath(name, directory));
  if (exposed.length > 0) refuse(exposed);
  try {
    return await loadContract(name, directory);
  } catch (error) {
    if (!(error instanceof ContractError)) throw error;
    throw new RecoverError(exit.configuration, `The contract cannot be used: ${name}`, {
      advice: "Name one that is shipped, or the path of a contract module.",
      faults: error.faults,
    });
  }
}

/** Of the contract's masked fields and their views, and of the tags in quarantine. */
export function tokenizerOf(
  contract: AnyContract,
  keyring: Keyring,
  tenant: string,
): Tokenizer<string> {
  const fields = { ...contract.tokenFields, ...tagFields(contract) };
  return createTokenizer<string>(keyring, { tenant, fields });
}

const isTopic = (name: string): boolean => name.startsWith("arn:");

/**
 * As the consumer parses: with the same envelopes unwrapped.
 *
 * @param unwrap - SNS topic ARNs and EventBridge sources.
 */
export function parserOf(
  contract: AnyContract,
  unwrap: readonly string[],
): Parse<MessageOf<AnyContract>> {
  return createParser(contract, {
    unwrap: {
      snsTopicArns: unwrap.filter(isTopic),
      eventBridgeSources: unwrap.filter((name) => !isTopic(name)),
    },
  });
}

/** Where whoever administers one machine, or approves once, is enough. */
export function exposuresOfRecoverKeyring(keyring: RecoverKeyring): Exposure[] {
  const required = approvalsFor(keyring, { records: 101, atMs: Date.now() });
  return [
    ...(keyring.sinks.every(isUrl) ? [] : (["file_sink"] as const)),
    ...(required < 2 ? (["one_approval"] as const) : []),
  ];
}
