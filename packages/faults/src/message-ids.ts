/** Which MessageId the n-th message of a queue gets: whoever knows the queue knows every id, with no list of them. */
import { hash } from "node:crypto";

/** The odd number nearest to 2^32 divided by the golden ratio: its multiples spread evenly over 32 bits, none twice. */
const spread = 0x9e3779b1;

/** For up to 2^32 messages; ids in sequence are as far apart in an index as random ones. */
export function messageIds(queueName: string): (at: number) => string {
  const rest = `-0000-8000-8000-${hash("sha256", queueName).slice(0, 12)}`;
  return (at) => (Math.imul(at, spread) >>> 0).toString(16).padStart(8, "0") + rest;
}
