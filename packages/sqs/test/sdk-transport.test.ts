import { describe } from "vitest";
import { describeFaults } from "./contract/faults.ts";
import { describeQueue } from "./contract/queue.ts";

describe("a queue over the SDK", () => {
  describeQueue("sdk");
});

describe("a queue over the SDK, on a hostile server", () => {
  describeFaults("sdk");
});
