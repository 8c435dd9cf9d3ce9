import { expect, test } from "vitest";

import { createBreaker } from "../src/breaker.ts";

const never = new AbortController().signal;

test("stays open until every trip is cleared, and tells of each change once", async () => {
  const changes: boolean[] = [];
  const breaker = createBreaker((open) => changes.push(open));

  const first = breaker.createTrip();
  const second = breaker.createTrip();
  first.set();
  first.set();
  second.set();
  first.clear();
  expect(breaker.open).toBe(true);
  second.clear();
  second.clear();

  expect(breaker.open).toBe(false);
  expect(changes).toEqual([true, false]);
});

test("releases those who wait when it closes", async () => {
  const breaker = createBreaker(() => {});
  const trip = breaker.createTrip();
  trip.set();
  let isReleased = false;
  const waiting = breaker.closed(never).then(() => (isReleased = true));

  await Promise.resolve();
  expect(isReleased).toBe(false);
  trip.clear();
  await waiting;
  expect(isReleased).toBe(true);
});

test("releases those who wait when they are told to stop", async () => {
  const breaker = createBreaker(() => {});
  const stop = new AbortController();
  breaker.createTrip().set();
  const waiting = breaker.closed(stop.signal);

  stop.abort();
  await waiting;
  expect(breaker.open).toBe(true);
});
