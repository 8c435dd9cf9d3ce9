import { expect, test } from "vitest";
import { createSessions } from "../../src/sign-in/sessions.ts";

const subject = { issuer: "https://id.example.com", sub: "ada" };

function at(limits: { idleMs: number; absoluteMs: number; atMost?: number; perSubject?: number }) {
  let nowMs = 0;
  const sessions = createSessions({ atMost: 10, perSubject: 10, ...limits, now: () => nowMs });
  return { sessions, wait: (ms: number) => void (nowMs += ms) };
}

test("a session that nobody uses ends, and one that is used goes on", () => {
  const { sessions, wait } = at({ idleMs: 10, absoluteMs: 100 });
  const { id } = sessions.open(subject);
  wait(9);
  expect(sessions.find(id)).toMatchObject({ subject });
  wait(9);
  expect(sessions.find(id)).not.toBeNull();
  wait(10);
  expect(sessions.find(id)).toBeNull();
});

test("no session outlives its whole time, however much it is used", () => {
  const { sessions, wait } = at({ idleMs: 10, absoluteMs: 25 });
  const { id } = sessions.open(subject);
  for (const _ of [1, 2, 3, 4]) {
    wait(6);
    expect(sessions.find(id)).not.toBeNull();
  }
  wait(1);
  expect(sessions.find(id)).toBeNull();
});

test("ids and form tokens are 256 random bits, and the oldest session makes room", () => {
  const { sessions } = at({ idleMs: 10, absoluteMs: 100, atMost: 2 });
  const [first, second, third] = [1, 2, 3].map(() => sessions.open(subject));
  expect(first?.id).toMatch(/^[\w-]{43}$/);
  expect(first?.formToken).toMatch(/^[\w-]{43}$/);
  expect(first?.id).not.toBe(first?.formToken);
  expect(sessions.find(first?.id)).toBeNull();
  expect([second, third].map((each) => sessions.find(each?.id))).toEqual([second, third]);
});

test("who signs in again and again ends no session of anybody else's", () => {
  const { sessions } = at({ idleMs: 10, absoluteMs: 100, atMost: 3, perSubject: 2 });
  const other = sessions.open({ ...subject, sub: "bob" });
  const [first, second, third] = [1, 2, 3].map(() => sessions.open(subject));
  const found = [other, first, second, third].map((each) => sessions.find(each?.id) !== null);
  expect(found).toEqual([true, false, true, true]);
});
