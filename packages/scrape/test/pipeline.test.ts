import { expect, test } from "vitest";
import { createPipeline, type Pipeline, scrapesAnHour } from "../src/pipeline.ts";
import { serveTexts } from "./serve.ts";

const contract = { reasons: ["not_json", "ip_invalid"] };

function now({ figures, hour }: Pipeline): Record<string, number | null | undefined> {
  const last = hour.at(-1) ?? [];
  return Object.fromEntries(figures.map(({ name }, at) => [name, last[at]]));
}

test("consumers and their workers are one pipeline: sums, and of depth and lag the most", async () => {
  const one = await serveTexts(
    [
      'maskline_build_info{version="1",worker="1"} 1',
      'maskline_build_info{version="1",worker="2"} 1',
      'maskline_lag_seconds{worker="1"} 3',
      'maskline_lag_seconds{worker="2"} 90',
      'maskline_messages_in_flight{worker="1"} 10',
      'maskline_messages_in_flight{worker="2"} 20',
      'maskline_queue_messages_visible{worker="1"} NaN',
      'maskline_queue_messages_visible{worker="2"} 500',
      'maskline_breaker_open{worker="1"} 0',
      'maskline_breaker_open{worker="2"} 1',
    ].join("\n"),
  );
  const other = await serveTexts(
    "maskline_build_info 1\nmaskline_lag_seconds 7\nmaskline_messages_in_flight 5\nmaskline_queue_messages_visible 480\nmaskline_breaker_open 1",
  );
  const pipeline = createPipeline([one, other], contract);
  await pipeline.scrape();
  expect(now(pipeline)).toMatchObject({
    "Consumers that answer": 3,
    "Lag in seconds": 90,
    "Messages in flight": 35,
    "Queue depth": 500,
    "Breakers open": 2,
    "Dead letters": null,
    "Written a second": null,
  });
});

function rejected(odd: number, own: number): string {
  return `maskline_messages_rejected_total{reason="<script>"} ${odd}\nmaskline_messages_rejected_total{worker="1",reason="not_json"} ${own}\n`;
}

test("of reasons only those of the contract are told apart; whatever else was rejected is in the sum", async () => {
  const pipeline = createPipeline([await serveTexts(rejected(0, 0), rejected(10, 5))], contract);
  await pipeline.scrape();
  await pipeline.scrape();
  const told = now(pipeline);
  expect(Object.keys(told).join("\n")).not.toContain("script");
  const [all, own] = [told["Rejected a second"], told["Rejected a second: not_json"]];
  expect(Number(all) / Number(own)).toBeCloseTo(3);
});

test("an hour is kept, and who does not answer leaves a gap", async () => {
  const pipeline = createPipeline([await serveTexts("maskline_lag_seconds 1\n", "")], contract);
  await pipeline.scrape();
  expect(pipeline.silent).toEqual([]);
  for (let scrape = 0; scrape < scrapesAnHour - 1; scrape += 1) await pipeline.scrape();
  expect(pipeline.hour).toHaveLength(scrapesAnHour);
  expect(pipeline.silent).toHaveLength(1);
  const lag = pipeline.figures.findIndex(({ name }) => name === "Lag in seconds");
  expect(pipeline.hour.map((scrape) => scrape[lag]).filter((value) => value !== null)).toEqual([1]);
  await pipeline.scrape();
  expect(pipeline.hour).toHaveLength(scrapesAnHour);
  expect(pipeline.hour.flat().every((value) => value === null)).toBe(true);
});
