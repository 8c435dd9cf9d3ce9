/**
 * AWS KMS for keyrings that refer to it. Needs the package `@aws-sdk/client-kms`.
 *
 * @module
 */

export type { KeyService } from "./format/key-reference.ts";
export { openAwsKms } from "./node/aws-kms.ts";
