import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, askApproved, type Office, openOffice } from "../office.ts";

let office: Office;
let records: string[];

beforeAll(async () => {
  office = await openOffice();
  records = await office.write([
    { ip: "192.0.2.10", deviceId: "d-10" },
    { ip: "192.0.2.10", deviceId: "d-11" },
    { ip: "192.0.2.12", deviceId: "d-12" },
  ]);
});

afterAll(() => office[Symbol.asyncDispose]());

const forIp = ["lookup", "--field", "ip", "--max-records", "3"];

test("finds every record of a value, in whatever spelling, and shows it masked", async () => {
  const grant = await askApproved(office, office.requester, forIp);
  const { code, stdout } = await office.requester.recover(
    ["lookup", "--grant", grant, "--field", "ip", "--json"],
    "::ffff:192.0.2.10\n",
  );
  expect(code).toBe(0);
  const found = JSON.parse(stdout) as { record_id: string }[];
  expect(found.map(({ record_id: id }) => id)).toEqual(records.slice(0, 2));
  expect(stdout).not.toContain("192.0.2.10");
});

test("the audit names the token, never the value", async () => {
  const grant = await askApproved(office, office.requester, forIp);
  await office.requester.recover(["lookup", "--grant", grant, "--field", "ip"], "192.0.2.12");
  const [row] = await office.admin(
    "SELECT detail FROM recovery.audit WHERE grant_id = $1 AND action = 'intent'",
    [grant],
  );
  const [login] = await office.admin(
    "SELECT masked_ip FROM public.user_logins WHERE record_id = $1",
    [records[2]],
  );
  expect(String(row?.["detail"])).toContain(String(login?.["masked_ip"]));
  const leaks = await office.admin(
    "SELECT 1 FROM recovery.audit WHERE audit::text LIKE '%192.0.2.%' OR detail LIKE '%192.0.2.%'",
  );
  expect(leaks).toEqual([]);
});

test("counts values, and ends when they are used up", async () => {
  const grant = await askApproved(office, office.requester, ["lookup", "--field", "ip"]);
  const find = () =>
    office.requester.recover(["lookup", "--grant", grant, "--field", "ip"], "198.51.100.1");
  expect(await find()).toMatchObject({ code: 0, stdout: "No record has it.\n" });
  expect(await find()).toMatchObject({ code: 3, stdout: "" });
});

const mac = (letter: string): string => `${letter.repeat(42)}A`;

test("takes the tokens of one value, one a key: not a list of guesses", async () => {
  const grant = await askApproved(office, office.requester, forIp);
  const refusedFor = async (tokens: readonly string[]): Promise<unknown> => {
    const [row] = await office.requester.query(
      "SELECT recovery.claim_lookup($1, 'ip', $2) ->> 'refused' AS refused",
      [grant, tokens],
    );
    return row?.["refused"];
  };
  expect(await refusedFor([`mk1.t1.${mac("x")}`, `mk1.t1.${mac("y")}`])).toBe("wrong_tokens");
  expect(await refusedFor(["erased"])).toBe("wrong_tokens");
  expect(await refusedFor([`mk1.t1.${mac("x")}`, `mk1.t2.${mac("x")}`])).toBeNull();
});

test("needs an approved grant for that field", async () => {
  const pending = await ask(office.requester, forIp);
  const look = (grant: string, field: string) =>
    office.requester.recover(["lookup", "--grant", grant, "--field", field], "192.0.2.10");
  expect(await look(pending, "ip")).toMatchObject({ code: 3, stdout: "" });
  const approved = await askApproved(office, office.requester, forIp);
  expect(await look(approved, "device_id")).toMatchObject({ code: 3, stdout: "" });
});

test("refuses what is no IP address without repeating it", async () => {
  const grant = await askApproved(office, office.requester, forIp);
  const ended = await office.requester.recover(
    ["lookup", "--grant", grant, "--field", "ip"],
    "192.0.2.010",
  );
  expect(ended.code).toBe(2);
  expect(ended.stdout + ended.stderr).not.toContain("192.0.2.010");
});
