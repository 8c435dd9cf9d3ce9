/** What consumers tell Prometheus, read by a program of ours. */

export { createScraper, type Scraped } from "./scraper.ts";
export { readSeries, type Series } from "./read-series.ts";
