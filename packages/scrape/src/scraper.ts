/** All consumers at once, and what their counters gained since. */

import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { readSeries, type Series } from "./read-series.ts";

export interface Scraped {
  /** Of each that answered; of a counter (`_total`) what it gained a second. */
  readonly answers: readonly Series[];
  /** The addresses where nobody answered as a consumer does. */
  readonly silent: readonly string[];
}

interface Answer {
  readonly atMs: number;
  readonly series: Series;
}

export interface ScraperPorts {
  /** Milliseconds of a clock that goes forward alone. */
  readonly nowMs: () => number;
  /** The addresses of a host, those of IPv4 first. */
  readonly lookup: (host: string) => Promise<readonly LookupAddress[]>;
  /** How long an answer may take, to its end. */
  readonly answerMs: number;
}

const addressesAtMost = 64;

const usual: ScraperPorts = {
  nowMs: () => performance.now(),
  lookup: (host) => lookup(host, { all: true, order: "ipv4first" }),
  answerMs: 5_000,
};

/**
 * A host name is each of its addresses, looked up anew each time.
 *
 * @param names - Of metrics.
 * @returns What never fails: who does not answer is silent.
 */
export function createScraper(
  urls: readonly URL[],
  names: ReadonlySet<string>,
  ports: ScraperPorts = usual,
): () => Promise<Scraped> {
  let before: ReadonlyMap<string, Answer> = new Map();
  return async () => {
    const found = await Promise.all(urls.map((url) => addressesOf(url, ports)));
    const addresses = [...new Set(found.flat())].slice(0, addressesAtMost);
    const read = await Promise.all(
      addresses.map(async (address) => {
        const series: Series = await readSeries(address, names, ports.answerMs).catch(
          () => new Map(),
        );
        return [address, { atMs: ports.nowMs(), series }] as const;
      }),
    );
    const answered = read.filter(([, { series }]) => series.size > 0);
    const answers = answered.map(([address, answer]) => gainOf(answer, before.get(address)));
    before = new Map(answered);
    return { answers, silent: addresses.filter((address) => !before.has(address)) };
  };
}

/** What a counter gained, its first answer does not say; one that fell began anew. */
function gainOf({ atMs, series }: Answer, before: Answer | undefined): Series {
  const told = [...series].flatMap(([name, value]): [string, number][] => {
    if (!/^\w+_total\b/.test(name)) return [[name, value]];
    if (before === undefined) return [];
    const was = before.series.get(name) ?? 0;
    return [[name, ((value < was ? value : value - was) * 1000) / (atMs - before.atMs)]];
  });
  return new Map(told);
}

/** Of one family: else a consumer that has both would count twice. */
async function addressesOf(url: URL, ports: ScraperPorts): Promise<string[]> {
  const host = url.hostname.replaceAll(/[[\]]/g, "");
  const found = await ports.lookup(host).catch(() => []);
  const alike = found.filter(({ family }) => family === found[0]?.family);
  // A certificate is for the name.
  if (alike.length === 0 || url.protocol === "https:") return [url.href];
  return alike.map(({ address, family }) => {
    const one = new URL(url);
    one.hostname = family === 6 ? `[${address}]` : address;
    return one.href;
  });
}
