/** Contracts by name or path. */
import type { AnyContract } from "./contract.ts";
import { ContractError } from "./contract-error.ts";
import { contracts } from "./contracts/index.ts";

export async function loadContract(nameOrPath: string): Promise<AnyContract> {
  const shipped = contracts.find(({ name }) => name === nameOrPath);
  if (shipped) return shipped;
  throw new ContractError(nameOrPath, ["not yet"]);
}
