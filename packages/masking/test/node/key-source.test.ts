import { expect, test } from "vitest";
import { isOpenToOthers } from "../../src/node/key-source.ts";

const root = 0;
const own = 1000;
const somebody = 1001;

test.each([0o600, 0o400])("mode %o is its owner's alone", (mode) => {
  expect(isOpenToOthers({ mode, uid: own }, own)).toBe(false);
  expect(isOpenToOthers({ mode, uid: root }, root)).toBe(false);
});

test.each([0o640, 0o440])("mode %o gives a group what is root's, and nobody else's", (mode) => {
  expect(isOpenToOthers({ mode, uid: root }, own)).toBe(false);
  expect(isOpenToOthers({ mode, uid: own }, own)).toBe(true);
  expect(isOpenToOthers({ mode, uid: somebody }, own)).toBe(true);
  expect(isOpenToOthers({ mode, uid: root }, root)).toBe(true);
});

test.each([0o660, 0o650, 0o604, 0o602, 0o601, 0o444, 0o644])(
  "mode %o is open, whoever owns the file",
  (mode) => {
    for (const uid of [root, own, somebody]) expect(isOpenToOthers({ mode, uid }, own)).toBe(true);
  },
);
