/** Login messages as the real queue carries them, from a seed. */
import { v4 as uuidV4 } from "uuid";
import { createRandom, type Random } from "./random.ts";
import { type Address, drawAddress, drawUnicast, spellAddress } from "./sample-address.ts";

export interface SampleMessage {
  readonly body: string;
  readonly kind: "login" | "wrong_shape";
}

export interface SampleOptions {
  readonly count: number;
  /** The same seed and count give the same messages. */
  readonly seed: number;
}

interface Visitor {
  readonly userId: string;
  readonly deviceType: string;
  readonly deviceId: string;
  readonly address: Address;
}

const wrongShape = JSON.stringify({ foo: "oops_wrong_msg_type", bar: "123" });
const sharedAddressVersions = [4, 6, 4, 4, 6] as const;

const locales =
  "AR BG BR BY CA CN CO CZ DE FI FR GR ID IE IT JP KR LT MX NG NL PE PH PL PT RU SE TH UA US VN ZA".split(
    " ",
  );

/**
 * Makes `count` messages in the real queue's proportions.
 *
 * One in 100 has a wrong shape; three locales in ten are null; versions have two parts about as
 * often as three. The real sample repeats no value, so repeats are planted: one message in eight
 * comes from a visitor seen before, one in twenty through an address that many share.
 */
export function createMessages({ count, seed }: SampleOptions): SampleMessage[] {
  const random = createRandom(seed);
  const shared = sharedAddressVersions.map((version) => drawUnicast(version, random));
  const seen: Visitor[] = [];

  return Array.from({ length: count }, () => {
    if (random.chance(1, 100)) return { body: wrongShape, kind: "wrong_shape" };
    const visitor = drawVisitor(random, { seen, shared });
    seen.push(visitor);
    return { body: JSON.stringify(toLogin(visitor, random)), kind: "login" };
  });
}

function drawVisitor(
  random: Random,
  { seen, shared }: { seen: readonly Visitor[]; shared: readonly Address[] },
): Visitor {
  const address = random.chance(1, 20) ? drawShared(shared, random) : drawAddress(random);
  if (seen.length > 0 && random.chance(1, 8)) {
    const known = random.pick(seen);
    return random.chance(1, 2) ? known : { ...known, address };
  }
  return {
    userId: uuidV4({ random: Uint8Array.from({ length: 16 }, () => random.integer(0, 255)) }),
    deviceType: random.pick(["android", "ios"]),
    deviceId: [digits(3, random), digits(2, random), digits(4, random)].join("-"),
    address,
  };
}

// Skewed, so that the most frequent tokens of a demo stand apart: the first is drawn nearly half the time.
function drawShared(shared: readonly Address[], random: Random): Address {
  return random.pick(shared.slice(0, random.integer(1, shared.length)));
}

function toLogin(visitor: Visitor, random: Random): Record<string, string | null> {
  return {
    user_id: visitor.userId,
    app_version: drawVersion(random),
    device_type: visitor.deviceType,
    ip: spellAddress(visitor.address, random),
    locale: random.chance(3, 10) ? null : random.pick(locales),
    device_id: visitor.deviceId,
  };
}

function drawVersion(random: Random): string {
  const parts = [random.integer(0, 5), random.integer(0, 9), random.integer(0, 9)];
  return parts.slice(0, random.chance(54, 99) ? 2 : 3).join(".");
}

function digits(count: number, random: Random): string {
  return Array.from({ length: count }, () => random.integer(0, 9)).join("");
}
