/** The last hour of what the consumers tell, in memory. */

import { createScraper } from "./scraper.ts";

export interface Figure {
  readonly name: string;
  readonly metric: string;
  /** Over consumers and their workers. */
  readonly combine: (one: number, other: number) => number;
  /** Of the metric's series, those with this label. */
  readonly label?: string;
}

export interface Pipeline {
  readonly figures: readonly Figure[];
  /** By scrape, the oldest first, a value for each figure; null where nobody told. */
  hour: readonly (readonly (number | null)[])[];
  /** The addresses where no consumer answered last. */
  silent: readonly string[];
  readonly scrape: () => Promise<void>;
}

const sum: Figure["combine"] = (one, other) => one + other;
const most: Figure["combine"] = (one, other) => Math.max(one, other);

// prettier-ignore
const usual: readonly Figure[] = [
  { name: "Consumers that answer", metric: "maskline_build_info", combine: sum },
  { name: "Written a second", metric: "maskline_messages_written_total", combine: sum },
  { name: "Lag in seconds", metric: "maskline_lag_seconds", combine: most },
  { name: "Queue depth", metric: "maskline_queue_messages_visible", combine: most },
  { name: "Dead letters", metric: "maskline_dead_letter_messages", combine: most },
  { name: "Messages in flight", metric: "maskline_messages_in_flight", combine: sum },
  { name: "Breakers open", metric: "maskline_breaker_open", combine: sum },
  { name: "Refused by Postgres a second", metric: "maskline_messages_refused_total", combine: sum },
];
const rejected = {
  name: "Rejected a second",
  metric: "maskline_messages_rejected_total",
  combine: sum,
};

/** Where somebody scrapes every {@link scrapeMs}. */
export const scrapesAnHour = 240;
export const scrapeMs = 15_000;

/** @param contract - Its reasons: of whatever else is rejected, only the sum is shown. */
export function createPipeline(
  urls: readonly URL[],
  { reasons }: { readonly reasons: readonly string[] },
): Pipeline {
  const byReason = reasons.map((reason) => ({
    ...rejected,
    label: `reason="${reason}"`,
    name: `${rejected.name}: ${reason}`,
  }));
  const figures: readonly Figure[] = [...usual, rejected, ...byReason];
  const read = createScraper(urls, new Set(figures.map(({ metric }) => metric)));
  return {
    figures,
    hour: [],
    silent: [],
    async scrape() {
      const { answers, silent } = await read();
      const told = answers.flatMap((series) => [...series]);
      const values = figures.map(({ metric, label = "", combine }) => {
        const mine = told.filter(([name]) => name.startsWith(metric) && name.includes(label));
        return mine.length === 0 ? null : mine.map(([, value]) => value).reduce(combine);
      });
      this.hour = [...this.hour, values].slice(-scrapesAnHour);
      this.silent = silent;
    },
  };
}
