/** A contract that cannot be used. */

/** All that is wrong with it, each with what to do. Speaks of the contract alone, never of a message. */
export class ContractError extends Error {
  readonly code = "ERR_CONTRACT";
  readonly faults: readonly string[];

  constructor(name: string, faults: readonly string[], options?: ErrorOptions) {
    super(
      [`The contract ${name} cannot be used:`, ...faults.map((fault) => `- ${fault}`)].join("\n"),
      options,
    );
    this.name = "ContractError";
    this.faults = faults;
  }
}
