/** Contracts by the names and paths that commands are given. */
import { resolve } from "node:path";
import { type AnyContract, contracts, loadContract } from "@org/schema";

export interface ChosenContract {
  readonly contract: AnyContract;
  /** For MASKLINE_CONTRACT: it means the same in every working directory. */
  readonly reference: string;
}

/** @throws `ContractError` with every fault at once. */
export async function chooseContract(nameOrPath: string): Promise<ChosenContract> {
  // Where the command was typed: pnpm runs scripts elsewhere.
  const directory = process.env["INIT_CWD"] ?? process.cwd();
  const contract = await loadContract(nameOrPath, directory);
  const isShipped = contracts.some(({ name }) => name === nameOrPath);
  return { contract, reference: isShipped ? nameOrPath : resolve(directory, nameOrPath) };
}
