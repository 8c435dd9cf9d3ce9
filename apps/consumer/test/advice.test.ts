import { databaseReasons } from "@org/db/writer";
import { queueErrorCodes } from "@org/sqs";
import { expect, test } from "vitest";

import { adviceByReason, adviceFor } from "../src/advice.ts";
import { needSomebody } from "../src/lines.ts";

const reasons = new Set<string>([...databaseReasons, ...queueErrorCodes]);

test("advice and urgency are by reasons that there are", () => {
  for (const reason of [...Object.keys(adviceByReason), ...needSomebody]) {
    expect(reasons).toContain(reason);
  }
});

test.each([
  ["tls_untrusted", /certificate/],
  ["connect_timeout", /firewalls/],
  ["query_timeout", /standby/],
  ["login_refused", /password/],
  ["pooler_refuses_parameter", /options/],
  ["pooler_without_prepared_statements", /max_prepared_statements/],
  ["AccessDenied", /sqs:GetQueueAttributes/],
])("advice is by cause: %s", (reason, words) => {
  expect(adviceFor(reason, "otherwise")).toMatch(words);
});

test.each(["unknown", "toString"])(
  "where the cause says nothing, there is other advice: %s",
  (reason) => {
    expect(adviceFor(reason, "otherwise")).toBe("otherwise");
  },
);
