/** What happens when whoever reads the values stops reading, as in `| head`. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { askApproved, type Office, openOffice } from "./office.ts";

let office: Office;

beforeAll(async () => {
  office = await openOffice();
});

afterAll(() => office[Symbol.asyncDispose]());

test("a reader that goes away leaves no access without its result, and no stack trace", async () => {
  const [record = ""] = await office.write([office.sample()]);
  const grant = await askApproved(office, office.requester, [
    "unmask",
    "--field",
    office.field,
    "--record",
    record,
  ]);
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  const child = spawn(
    process.execPath,
    ["--conditions=@org/source", main, "unmask", "--grant", grant, "--print"],
    {
      env: { PATH: process.env["PATH"], ...office.requester.env },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  child.stdout.destroy();
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code] = (await once(child, "close")) as [number];
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: "Opened 1 record(s); 0 had no sealed value.\n",
  });
  const [last] = await office.admin("SELECT action FROM recovery.audit ORDER BY seq DESC LIMIT 1");
  expect(last).toEqual({ action: "result" });
});
