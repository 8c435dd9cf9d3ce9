import { expect, test } from "vitest";

import { boolean, httpUrl, oneOf, wholeNumber } from "../src/index.ts";

test.each(["ftp://sqs", "sqs.amazonaws.com", "https://sqs/a b", "https://sqs/a\nb"])(
  "refuses what is no URL of HTTP: %j",
  (url) => expect(httpUrl().read(url, {})).toBeNull(),
);

test.each(["0", "10", "1e0", "0x5", "-1", "5.0", "+5", "9".repeat(16)])(
  "refuses what is no whole number in its bounds: %s",
  (number) => expect(wholeNumber({ min: 1, max: 9 }).read(number, {})).toBeNull(),
);

test("reads words in capitals or not", () => {
  expect(oneOf("info", "warn").read("INFO", {})).toBe("info");
  expect(boolean().read("True", {})).toBe(true);
  expect(boolean().read("1", {})).toBeNull();
});
