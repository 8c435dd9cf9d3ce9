/** The UUID under which a message's id is stored. */

import { v5 } from "uuid";

const uuidForm = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
/** Fixed for ever: ids in the ledger were made with it. */
const namespace = "6d4b1f0e-5c0a-4d9e-9a57-2f6c8b1d3e70";

/**
 * Maps a MessageId to 16 bytes, half of what its text takes in the largest index.
 *
 * An SQS MessageId is a UUID and stays what it is, in lower case. SQS does not promise that form,
 * so any other id becomes the name-based UUID (RFC 9562, version 5) of its text.
 *
 * @example
 * toMessageUuid("5FEA7756-0EA4-451A-A703-A558B933E274"); // "5fea7756-0ea4-451a-a703-a558b933e274"
 */
export function toMessageUuid(messageId: string): string {
  const id = messageId.toLowerCase();
  return uuidForm.test(id) ? id : v5(messageId, namespace);
}
