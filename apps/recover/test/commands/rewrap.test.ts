import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KeyringJson, PrivateKeyringJson } from "@org/masking/keyring";
import { generateKeyring } from "@org/masking/keyring";
import { testContracts } from "@org/schema/test-contracts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { askApproved, type Office, openOffice } from "../office.ts";
import type { Message } from "../samples.ts";

describe.each(testContracts)("$name", (contract) => {
  let office: Office;
  let message: Message;
  let record: string;
  let grant: string;

  beforeEach(async () => {
    office = await openOffice(contract);
    message = office.sample();
    [record = ""] = await office.write([message]);
    await office.custodian.recover(["keys", "add", "--recipient"]);
    await office.custodian.recover(["keys", "promote", "r2", "--recipient"]);
    const request = ["rewrap", "--from-key", "r1", "--to-key", "r2"];
    grant = await askApproved(office, office.custodian, request);
  });

  afterEach(() => office[Symbol.asyncDispose]());

  async function edit<Json>(name: string, change: (json: Json) => Json): Promise<void> {
    const path = join(office.directory, name);
    await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, "utf8")) as Json)));
  }

  const recipients = (): Promise<unknown> =>
    office.admin("SELECT recipient FROM maskline.batch_key");

  async function seen(): Promise<unknown> {
    const { code, stderr } = await office.custodian.recover(["rewrap", "--grant", grant]);
    return { code, said: stderr.split("\n")[0], stored: await recipients() };
  }

  async function open(): Promise<string> {
    const look = ["unmask", "--field", office.field, "--record", record];
    const opening = await askApproved(office, office.requester, look);
    return (await office.requester.recover(["unmask", "--grant", opening, "--print"])).stdout;
  }

  const nothingMoved = {
    code: 2,
    said: "The private keyring does not open what is sealed to r2.",
    stored: [{ recipient: "r1" }],
  };

  test("moves nothing to a public key that is not the private keyring's", async () => {
    const [stranger] = generateKeyring().keyring.recipients;
    await edit<KeyringJson>("maskline.keyring.json", (keyring) => ({
      ...keyring,
      recipients: keyring.recipients.map((recipient) =>
        recipient.kid === "r2"
          ? { ...recipient, public_key: stranger?.public_key ?? "" }
          : recipient,
      ),
    }));
    expect(await seen()).toEqual(nothingMoved);
  });

  test("moves nothing to a recipient that the private keyring lacks", async () => {
    await edit<PrivateKeyringJson>("maskline.private-keyring.json", (keyring) => ({
      ...keyring,
      recipients: keyring.recipients.filter(({ kid }) => kid !== "r2"),
    }));
    expect(await seen()).toEqual(nothingMoved);
  });

  test("replaces a copy for the new recipient that stands there and does not open", async () => {
    await office.admin(
      `INSERT INTO maskline.batch_key (id, recipient, sealed, sealed_on)
     SELECT id, 'r2', decode(repeat('00', 145), 'hex'), sealed_on FROM maskline.batch_key`,
    );
    expect((await office.custodian.recover(["rewrap", "--grant", grant])).code).toBe(0);
    expect(await recipients()).toEqual([{ recipient: "r2" }]);
    expect(await open()).toContain(String(message[office.field]));
  });

  test("what was moved opens, and the audit counts it", async () => {
    expect((await office.custodian.recover(["rewrap", "--grant", grant])).code).toBe(0);
    expect(await recipients()).toEqual([{ recipient: "r2" }]);
    const [result] = await office.admin(
      "SELECT detail::jsonb AS detail FROM recovery.audit WHERE action = 'result'",
    );
    expect(result?.["detail"]).toMatchObject({ handed_out: 1, changed: 1 });
    expect(await open()).toContain(String(message[office.field]));
  });
});
