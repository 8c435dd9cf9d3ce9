/** One contract a message: what it is, what becomes of each of its fields, and all that follows. */
export type {
  AnyContract,
  Column,
  Contract,
  Definition,
  Field,
  MaskedField,
  MessageOf,
  RowOf,
  TokenField,
} from "./contract.ts";
export { ContractError } from "./contract-error.ts";
export { contracts } from "./contracts/index.ts";
export { login } from "./contracts/login.ts";
export { defineContract } from "./define-contract.ts";
export {
  bigint,
  boolean,
  type FieldKind,
  type FieldSpec,
  integer,
  masked,
  numeric,
  optional,
  subject,
  text,
  timestamp,
  uuid,
  type Value,
} from "./fields.ts";
export { contractPath, loadContract } from "./load-contract.ts";
export type { Parsed, ParsedMessage, Rejection } from "./outcome.ts";
export { createParser, type Parse } from "./parse.ts";
export { createRandom, type Random } from "./samples/random.ts";
export {
  type SampleMessage,
  sampleMessages,
  type SampleOptions,
} from "./samples/sample-messages.ts";
export {
  createSubjectTag,
  type SubjectTag,
  tagField,
  tagFields,
  type TagTokenizer,
} from "./subject-tag.ts";
export {
  createToRow,
  type MaskedRow,
  type RowPlace,
  type RowTokenizer,
  subjectOf,
  type ToRow,
} from "./to-row.ts";
export type { UnwrapPolicy } from "./unwrap.ts";
