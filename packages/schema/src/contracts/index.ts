/** The contracts that are shipped: each can be chosen by its name. */
import type { AnyContract } from "../contract.ts";
import { login } from "./login.ts";

export const contracts: readonly AnyContract[] = [login];
