/** Which message this consumer is for, in words. */
import { loadContract } from "@org/schema";
import type { AnyContract } from "@org/schema";
import type { Environment } from "@org/settings";

import { readContractName } from "./config.ts";

/** Also where the rest of the settings is wrong, or the contract itself. */
export async function describeMessage(environment: Environment): Promise<string> {
  const contract = await loadContract(readContractName(environment), environment["INIT_CWD"]).catch(
    () => null,
  );
  if (!contract)
    return "Reads the messages of a contract from SQS, and writes each one exactly once.\nMASKLINE_CONTRACT names a contract that cannot be loaded.";
  return describe(contract);
}

function describe({ name, table, fields }: AnyContract): string {
  const masked = fields.filter(({ isMasked }) => isMasked).map((field) => field.name);
  return `Reads messages of the contract ${name} from SQS, masks ${inWords(masked)}, and writes each\nmessage to the table ${table} exactly once. MASKLINE_CONTRACT chooses another.`;
}

function inWords(names: readonly string[]): string {
  const [last, ...others] = names.toReversed();
  if (last === undefined) return "nothing";
  return others.length === 0 ? last : `${others.toReversed().join(", ")} and ${last}`;
}
