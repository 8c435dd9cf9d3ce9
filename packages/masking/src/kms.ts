/**
 * AWS KMS for keyrings that refer to it. Needs the package `@aws-sdk/client-kms`.
 *
 * @module
 */

export type { KeyService } from "./node/key-source.ts";
export { openAwsKms } from "./node/aws-kms.ts";
