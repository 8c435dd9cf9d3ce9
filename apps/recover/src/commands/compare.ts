/** What an approver says of the case, by `recover approve`: compared with what the request means. */

import type { Grant, Grants } from "@org/db";
import { Option } from "commander";
import { openContract, openTokenizer } from "../compose.ts";
import { type Edge, readStdin } from "../edge.ts";
import { type Judged, judgeSubject, judgeValue, refusal } from "@org/recovery";

export interface CompareOptions {
  readonly contract?: string;
  readonly subject?: string;
  readonly value?: string;
}

export function compareOptions(): readonly [Option, Option] {
  return [
    new Option("--subject <value>", "go on only if it is for this subject; - reads standard input"),
    new Option(
      "--value <value>",
      "go on only if it is for this masked value; - reads standard input",
    ).conflicts("subject"),
  ];
}

/**
 * @returns Null where nothing was to be compared.
 * @throws RecoverError (exit 3, 30) as {@link judgeSubject}.
 */
export async function compareGrant(
  edge: Edge,
  grants: Pick<Grants, "compare">,
  { grant, ...options }: CompareOptions & { readonly grant: Grant },
): Promise<Judged | null> {
  const { subject, value } = options;
  const given = subject ?? value;
  if (given === undefined) return null;
  const contract = await openContract(edge, options.contract);
  if (contract.name !== grant.contract) throw refusal("wrong_contract");
  const known = { grant, contract, value: given === "-" ? await readStdin(edge) : given };
  const judge = subject === undefined ? judgeValue : judgeSubject;
  return judge({ grants, openTokenizer: () => openTokenizer(edge, contract) }, known);
}
