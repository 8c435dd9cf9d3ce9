/** Contracts by name or path. */
import { registerHooks } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { ContractError } from "./contract-error.ts";
import type { AnyContract } from "./contract.ts";
import { contracts } from "./contracts/index.ts";
import { defineContract } from "./define-contract.ts";

const PATH = /[\\/]|\.[cm]?[jt]s$/;

/**
 * Finds a contract: a shipped one by its name, or that of a module by its path.
 *
 * A module is TypeScript or JavaScript that Node loads as it is. Wherever it lies, it can import
 * `@org/schema`. It exports one contract, which is held to the rules of {@link defineContract} once
 * more: no compiler has seen it.
 *
 * @param directory - Where a relative path starts; by default the working directory.
 * @throws `ContractError` with every fault at once.
 */
export async function loadContract(nameOrPath: string, directory = ""): Promise<AnyContract> {
  const shipped = contracts.find(({ name }) => name === nameOrPath);
  if (shipped) return shipped;
  const path = contractPath(nameOrPath, directory);
  if (path === null) {
    const names = contracts.map(({ name }) => name).join(", ");
    throw new ContractError(nameOrPath, [
      `No contract has this name: use ${names}, or the path of a module of your own, as ./orders.contract.ts.`,
    ]);
  }
  const exported = Object.values(await load(path, nameOrPath));
  const [found, ...others] = new Set(exported.filter(isContract));
  if (found === undefined || others.length > 0) {
    throw new ContractError(nameOrPath, [
      `The module exports ${found ? "several contracts" : "no contract"}: export one, as export const orders = defineContract({ … }).`,
    ]);
  }
  return defineContract(found.definition as Parameters<typeof defineContract>[0]);
}

/** The module that {@link loadContract} runs; null where it runs none. */
export function contractPath(nameOrPath: string, directory = ""): string | null {
  return PATH.test(nameOrPath) ? resolve(directory, nameOrPath) : null;
}

async function load(path: string, name: string): Promise<object> {
  const { href } = pathToFileURL(path);
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (specifier !== "@org/schema") return next(specifier, context);
      return next(specifier, { ...context, parentURL: import.meta.url });
    },
  });
  try {
    return (await import(href)) as object;
  } catch (cause) {
    // Of another copy of this package it may be: known by its code.
    if (isContractError(cause)) throw cause;
    throw new ContractError(name, [`The module cannot be loaded: ${String(cause)}`], { cause });
  } finally {
    hooks.deregister();
  }
}

function isContractError(error: unknown): error is ContractError {
  return error instanceof Error && "code" in error && error.code === "ERR_CONTRACT";
}

function isContract(value: unknown): value is AnyContract {
  const { definition, columns } = Object(value) as Partial<AnyContract>;
  return typeof definition === "object" && Array.isArray(columns);
}
