/** Personal data that nobody has and nothing else could produce: where it is found, it leaked. */
import { randomBytes, randomInt } from "node:crypto";

/** Values of one run, unlike those of any other: the system generates them, not the seed. */
export interface Canaries {
  /** Each address with every spelling it is sent in: all of them must get one token. */
  readonly addresses: readonly (readonly string[])[];
  readonly deviceIds: readonly string[];
  /** What every canary holds one of: finding none of these means that nothing leaked. */
  readonly marks: readonly Uint8Array[];
}

const addressCount = 24;
const deviceCount = 24;

export function createCanaries(): Canaries {
  const hextets = Array.from({ length: 3 }, () => randomInt(0x1000, 0x1_0000).toString(16));
  const network = `2001:db8:${hextets.join(":")}:`;
  const deviceMark = randomBytes(6).toString("hex");
  const plainAddresses = Array.from({ length: 2 }, () =>
    Array.from({ length: 4 }, () => randomInt(101, 256)).join("."),
  );
  const plainDevices = Array.from(
    { length: 2 },
    () => `${randomInt(100, 1000)}-${randomInt(10, 100)}-${randomInt(1000, 10_000)}`,
  );

  return {
    addresses: [
      ...plainAddresses.map((address) => [address, `::ffff:${address}`]),
      ...Array.from({ length: addressCount }, (_, host) => {
        const address = `${network}:${(host + 1).toString(16)}`;
        return [address, address.toUpperCase()];
      }),
    ],
    deviceIds: [
      ...plainDevices,
      // Characters that JSON, URLs and SQL each write in a way of their own.
      ...Array.from({ length: deviceCount }, (_, at) => `${deviceMark}-"é\\'-${at}`),
    ],
    marks: [
      ...[network, network.toUpperCase(), deviceMark, ...plainAddresses, ...plainDevices].map(
        (text) => Buffer.from(text),
      ),
      networkBytes(hextets),
      ...plainAddresses.map(mappedBytes),
    ],
  };
}

/** The first ten of the sixteen bytes that an address is normalised to. */
function networkBytes(hextets: readonly string[]): Uint8Array {
  return Buffer.from(`20010db8${hextets.join("")}`, "hex");
}

/** RFC 4291 section 2.5.5.2 */
function mappedBytes(address: string): Uint8Array {
  return Buffer.from([...Array(10).fill(0), 0xff, 0xff, ...address.split(".").map(Number)]);
}
