import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { createBreaker } from "../src/breaker.ts";
import { createFlood } from "../src/flood.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function open(mostPerMinute: number) {
  const breaker = createBreaker(() => {});
  const floods: number[] = [];
  const flooded = (): void => void floods.push(performance.now());
  return {
    breaker,
    floods,
    flood: createFlood(mostPerMinute, { trip: breaker.createTrip(), flooded }),
  };
}

test("stops receiving for the rest of the minute once the bound is passed, and says so once", async () => {
  const { breaker, floods, flood } = open(100);
  await vi.advanceTimersByTimeAsync(20_000);
  flood.wrote({ written: 0, quarantined: 100 });
  expect(breaker.open).toBe(false);
  flood.wrote({ written: 0, quarantined: 1 });
  flood.wrote({ written: 0, quarantined: 500 });
  expect(breaker.open).toBe(true);
  expect(floods).toHaveLength(1);

  await vi.advanceTimersByTimeAsync(39_000);
  expect(breaker.open).toBe(true);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(breaker.open).toBe(false);
  flood.wrote({ written: 0, quarantined: 100 });
  expect(breaker.open).toBe(false);
});

test("lets pass what is outnumbered by rows, and what spreads over minutes", async () => {
  const { breaker, flood } = open(100);
  flood.wrote({ written: 900, quarantined: 300 });
  expect(breaker.open).toBe(false);
  for (let minute = 0; minute < 5; minute += 1) {
    await vi.advanceTimersByTimeAsync(60_000);
    flood.wrote({ written: 0, quarantined: 90 });
  }
  expect(breaker.open).toBe(false);
});

test("lets go of the breaker when it ends", () => {
  const { breaker, flood } = open(1);
  flood.wrote({ written: 0, quarantined: 2 });
  flood[Symbol.dispose]();
  expect(breaker.open).toBe(false);
  expect(vi.getTimerCount()).toBe(0);
});
