import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { createScraper, type Scraped } from "../src/index.ts";
import { serve, serveTexts } from "./serve.ts";

const names = new Set(["things_total", "depth"]);
interface Scene {
  readonly clock: { nowMs: number };
  readonly scrape: () => Promise<Scraped>;
}

function scraperOf(
  urls: readonly URL[],
  addresses: readonly string[] = ["127.0.0.1"],
  answerMs = 30_000,
): Scene {
  const clock = { nowMs: 0 };
  const scrape = createScraper(urls, names, {
    nowMs: () => clock.nowMs,
    answerMs,
    lookup: async () =>
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
  });
  return { clock, scrape };
}

const told = ({ answers }: Scraped): unknown => answers.map((each) => Object.fromEntries(each));

test("a gauge is told as it is; a counter as what it gained a second, once it was read before", async () => {
  const url = await serveTexts(
    '# HELP things_total Things\nthings_total{kind="a"} 100\nthings_total{kind="b"} 7\ndepth 3\nother 1\n',
    'things_total{kind="a"} 250\nthings_total{kind="b"} 7\ndepth 4\n',
  );
  const { clock, scrape } = scraperOf([url]);
  expect(told(await scrape())).toEqual([{ depth: 3 }]);
  clock.nowMs = 15_000;
  expect(told(await scrape())).toEqual([
    { 'things_total{kind="a"}': 10, 'things_total{kind="b"}': 0, depth: 4 },
  ]);
});

test("a counter that fell began anew, and a series that is new was nothing before", async () => {
  const url = await serveTexts(
    'things_total{worker="1"} 1000\n',
    'things_total{worker="1"} 30\nthings_total{worker="2"} 10\n',
  );
  const { clock, scrape } = scraperOf([url]);
  await scrape();
  clock.nowMs = 10_000;
  expect(told(await scrape())).toEqual([
    { 'things_total{worker="1"}': 3, 'things_total{worker="2"}': 1 },
  ]);
});

test("what a consumer gained while it did not answer is told of no moment", async () => {
  const url = await serve(
    (
      (texts) => (_, response) =>
        response.end(texts.shift())
    )(["things_total 1\n", "", "things_total 5000\n", "things_total 5020\n"]),
  );
  const { clock, scrape } = scraperOf([url]);
  const seen: unknown[] = [];
  for (const nowMs of [0, 10_000, 20_000, 30_000]) {
    clock.nowMs = nowMs;
    seen.push(told(await scrape()));
  }
  expect(seen).toEqual([[{}], [], [{}], [{ things_total: 2 }]]);
});

test("what is not known, and what no metric can be, is left out", async () => {
  const values = ["NaN", "+Inf", "-1", "1e300", "text", "", "{}", "9007199254740993"];
  const lines = values.map((value, at) => `depth{at="${at}"} ${value}`);
  const url = await serveTexts(`${lines.join("\n")}\ndepths 1\ndepth{a="} 5"} 2 1700000000000\n`);
  const { scrape } = scraperOf([url]);
  expect(told(await scrape())).toEqual([{ 'depth{a="} 5"}': 2 }]);
});

test("a host name is each of its addresses, of one family", async () => {
  const asked: unknown[] = [];
  const { port } = await serve((request, response) => {
    asked.push(request.headers.host);
    response.end(`depth ${asked.length}\n`);
  });
  const name = new URL(`http://consumers.example:${port}/metrics`);
  // Both lead to this machine.
  const { scrape } = scraperOf([name], ["127.0.0.1", "0.0.0.0", "::1"]);
  const scraped = await scrape();
  expect(new Set(asked)).toEqual(new Set([`0.0.0.0:${port}`, `127.0.0.1:${port}`]));
  expect(new Set(scraped.answers.map((each) => each.get("depth")))).toEqual(new Set([1, 2]));
  expect(scraped.silent).toEqual([]);
});

test("a name that nobody knows, and a port that nobody listens on, are silent", async () => {
  const ended = createServer().listen(0, "127.0.0.1");
  await once(ended, "listening");
  const url = new URL(`http://127.0.0.1:${(ended.address() as AddressInfo).port}/metrics`);
  ended.close();
  const scrape = createScraper([new URL("http://nowhere.invalid/metrics"), url], names);
  const { silent, answers } = await scrape();
  expect(silent).toEqual(["http://nowhere.invalid/metrics", url.href]);
  expect(answers).toEqual([]);
});

test("of sixty-five addresses, sixty-four are asked, and one that is named twice once", async () => {
  let asked = 0;
  const url = await serve((_, response) => {
    asked += 1;
    response.end("depth 1\n");
  });
  const urls = Array.from({ length: 65 }, (_, at) => new URL(`?${at}`, url));
  await scraperOf([...urls, ...urls]).scrape();
  expect(asked).toBe(64);
  await scraperOf([url, url]).scrape();
  expect(asked).toBe(65);
});

const good = "depth 1\n";

/** Whoever answers at a consumer's address. */
const hostile: Readonly<Record<string, RequestListener>> = {
  "too much, without an end": (_, response) => {
    response.write(good);
    const more = (): void => {
      while (!response.destroyed && response.write(good.repeat(10_000)));
    };
    response.on("drain", more);
    more();
  },
  "too much, packed into little": (_, response) =>
    response
      .writeHead(200, { "content-encoding": "gzip" })
      .end(gzipSync(good + "x".repeat(20_000_000))),
  "another page": (_, response) => response.end("<!doctype html><p>depth</p>"),
  "bytes that are no text": (_, response) =>
    response.end(Buffer.from([0xff, 0xfe, 0, 0x0a, 0xc3, 0x28])),
  "one line that is hard to read": (_, response) =>
    response.end(`depth{${'} x{a="'.repeat(140_000)}`),
  nothing: (_, response) => response.end(),
  "a fault, with what would do": (_, response) => response.writeHead(500).end(good),
  "half of an answer": (_, response) => {
    response.writeHead(200, { "content-length": 100 });
    response.write(good, () => response.destroy());
  },
};

test.each(Object.entries(hostile))(
  "who answers with %s is silent, and the others are read",
  async (_, listener) => {
    const url = await serve(listener);
    const { scrape } = scraperOf([url, await serveTexts(good)]);
    const scraped = await scrape();
    expect(told(scraped)).toEqual([{ depth: 1 }]);
    expect(scraped.silent).toEqual([url.href]);
  },
);

test("who leads elsewhere is not followed", async () => {
  let reached = 0;
  const elsewhere = await serve((_, response) => {
    reached += 1;
    response.end(good);
  });
  const url = await serve((_, response) =>
    response.writeHead(302, { location: elsewhere.href }).end(),
  );
  expect((await scraperOf([url]).scrape()).silent).toEqual([url.href]);
  expect(reached).toBe(0);
});

test("who never comes to an end is silent", async () => {
  const url = await serve((_, response) => void response.write(good));
  const mute = await serve(() => {});
  const { scrape } = scraperOf([url, mute], ["127.0.0.1"], 200);
  expect((await scrape()).silent).toEqual([url.href, mute.href]);
});

test("of one answer two thousand series are kept", async () => {
  const lines = Array.from({ length: 3_000 }, (_, at) => `depth{at="${at}"} 1\n`);
  const { answers } = await scraperOf([await serveTexts(lines.join(""))]).scrape();
  expect(answers[0]?.size).toBe(2_000);
});
