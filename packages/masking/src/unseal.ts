/**
 * Unsealing: for whoever holds a recipient's private key.
 *
 * @module
 */

export { batchKeyIdOf } from "./format/record.ts";
export { retoken } from "./node/retoken.ts";
export { type BatchOpener, createUnsealer, type Unsealer } from "./node/unsealer.ts";
