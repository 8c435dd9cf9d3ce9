import { expect, test } from "vitest";
import { withProgress } from "../src/progress.ts";

function createStderr(isTTY: boolean): {
  isTTY: boolean;
  write: (text: string) => void;
  text: string;
} {
  return {
    isTTY,
    text: "",
    write(text) {
      this.text += text;
    },
  };
}

test("writes one line over on a terminal, and leaves it for what comes next", async () => {
  const stderr = createStderr(true);
  const ended = await withProgress({ stderr }, "rows moved", async (progress) => {
    progress(1_000);
    progress(2_000);
    return "done";
  });
  expect(ended).toBe("done");
  expect(stderr.text).toBe("\r1000 rows moved\r2000 rows moved\n");
});

test("leaves the terminal's line also when the work fails", async () => {
  const stderr = createStderr(true);
  const failing = withProgress({ stderr }, "rows moved", async (progress) => {
    progress(1_000);
    throw new Error("gone");
  });
  await expect(failing).rejects.toThrow("gone");
  expect(stderr.text).toBe("\r1000 rows moved\n");
});

test("writes a line each ten thousand elsewhere, and none for little work", async () => {
  const stderr = createStderr(false);
  await withProgress({ stderr }, "rows moved", async (progress) => {
    for (let done = 1_000; done <= 25_000; done += 1_000) progress(done);
  });
  expect(stderr.text).toBe("10000 rows moved\n20000 rows moved\n");
});
