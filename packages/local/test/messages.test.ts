import { BlockList, isIPv4, isIPv6 } from "node:net";
import { describe, expect, it } from "vitest";
import { createMessages } from "../src/messages.ts";

interface Login {
  user_id: string;
  app_version: string;
  device_type: string;
  ip: string;
  locale: string | null;
  device_id: string;
}

const messages = createMessages({ count: 20_000, seed: 7 });
const logins = messages
  .filter(({ kind }) => kind === "login")
  .map(({ body }) => JSON.parse(body) as Login);

const special = new BlockList();
special.addSubnet("224.0.0.0", 3, "ipv4");
special.addSubnet("127.0.0.0", 8, "ipv4");

function share(claim: (login: Login) => boolean): number {
  return logins.filter(claim).length / logins.length;
}

function timesSeen(values: readonly string[]): number[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts.values()].toSorted((left, right) => right - left);
}

// The URL parser's form of an address, with IPv4 mapped: one text for every spelling.
function canonical(ip: string): string {
  return new URL(`http://[${isIPv4(ip) ? `::ffff:${ip}` : ip}]`).hostname;
}

describe("createMessages", () => {
  it("gives the same messages for the same seed, and others for another", () => {
    expect(createMessages({ count: 500, seed: 7 })).toEqual(messages.slice(0, 500));
    expect(createMessages({ count: 500, seed: 8 })).not.toEqual(messages.slice(0, 500));
  });

  it("plants a wrong shape in one message of a hundred", () => {
    const wrong = messages.filter(({ kind }) => kind === "wrong_shape");
    expect(wrong.length / messages.length).toBeCloseTo(0.01, 2);
    expect(new Set(wrong.map(({ body }) => body))).toEqual(
      new Set(['{"foo":"oops_wrong_msg_type","bar":"123"}']),
    );
  });

  it("writes the six fields of a login, in the producer's order", () => {
    for (const login of logins) {
      expect(Object.keys(login)).toEqual([
        "user_id",
        "app_version",
        "device_type",
        "ip",
        "locale",
        "device_id",
      ]);
      expect(login.user_id).toMatch(
        /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
      );
      expect(login.app_version).toMatch(/^\d\.\d(\.\d)?$/);
      expect(login.device_type).toMatch(/^(android|ios)$/);
      expect(login.locale ?? "null").toMatch(/^([A-Z]{2}|null)$/);
      expect(login.device_id).toMatch(/^\d{3}-\d{2}-\d{4}$/);
    }
  });

  it("keeps the real proportions of locales, versions and special addresses", () => {
    expect(share(({ locale }) => locale === null)).toBeCloseTo(0.3, 1);
    expect(share(({ app_version: version }) => version.split(".").length === 2)).toBeCloseTo(
      0.55,
      1,
    );
    expect(share(({ ip }) => isIPv4(ip) && special.check(ip))).toBeCloseTo(1 / 6, 1);
  });

  it("writes IPv4 and IPv6, and one address in several spellings", () => {
    const spellings = Map.groupBy(new Set(logins.map(({ ip }) => ip)), canonical);
    expect(logins.every(({ ip }) => isIPv4(ip) || isIPv6(ip))).toBe(true);
    expect(share(({ ip }) => isIPv6(ip))).toBeGreaterThan(0.05);
    expect([...spellings.values()].some((ways) => ways.length > 1)).toBe(true);
  });

  it("repeats addresses and devices, a few addresses far more often than the rest", () => {
    const addresses = timesSeen(logins.map(({ ip }) => canonical(ip)));
    const devices = timesSeen(logins.map(({ device_id: device }) => device));
    expect(addresses[0]).toBeGreaterThan(logins.length / 100);
    expect(addresses.filter((count) => count > 1).length).toBeGreaterThan(logins.length / 50);
    expect(devices.filter((count) => count > 1).length).toBeGreaterThan(logins.length / 50);
  });
});
