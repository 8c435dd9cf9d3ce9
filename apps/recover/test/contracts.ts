/** The contracts that every suite of governed recovery holds for: it names no field of any. */

export { testContracts as contracts } from "@org/schema/test-contracts";
