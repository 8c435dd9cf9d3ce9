/** What consumers tell Prometheus, read by a program of ours. */

export { createPipeline, type Figure, type Pipeline, scrapeMs, scrapesAnHour } from "./pipeline.ts";
export { createScraper, type Scraped } from "./scraper.ts";
export { readSeries, type Series } from "./read-series.ts";
