import { findPgBouncer, startPgBouncer } from "@org/faults/pg-bouncer";
import { expect, test } from "vitest";
import { askApproved, openOffice, type Person } from "./office.ts";
import { runRecover } from "./run-recover.ts";

const version = await findPgBouncer();

test.for(["session", "transaction"] as const)(
  "through PgBouncer in %s mode a record is asked for, opened and erased, each by who may, and the chain is sound",
  async (poolMode, { skip }) => {
    skip(version === null, "PgBouncer is not installed: Debian's package pgbouncer");
    await using office = await openOffice();
    const { requester, approver, custodian, auditor } = office;
    await using pooler = await startPgBouncer({
      logins: [requester, approver, custodian, auditor].map(({ url }) => url),
      poolMode,
      // What one session leaves behind, the next one finds.
      settings: { default_pool_size: "1" },
    });
    const behind = (person: Person): Person => {
      const env = { ...person.env, RECOVER_DATABASE_URL: pooler.through(person.url) };
      return { ...person, env, recover: (argv, stdin) => runRecover(argv, env, stdin) };
    };
    const there = { ...office, approver: behind(approver), auditor: behind(auditor) };
    const done = async (person: Person, ...argv: string[]): Promise<string> => {
      const { code, stdout, stderr } = await behind(person).recover(argv);
      expect({ argv, code }, stderr).toEqual({ argv, code: 0 });
      return stdout;
    };
    const message = office.sample();
    const [record = ""] = await office.write([message]);

    const unmask = ["unmask", "--field", office.field, "--record", record];
    const mayOpen = await askApproved(there, behind(requester), unmask);
    const print = ["--print", "--format", "jsonl"];
    const opened = await done(requester, "unmask", "--grant", mayOpen, ...print);
    expect(JSON.parse(opened)).toMatchObject({ [office.field]: message[office.field] });

    const subject = ["--subject", String(message[office.contract.subject])];
    const mayErase = await askApproved(there, behind(custodian), ["erase", ...subject]);
    await done(custodian, "erase", "--grant", mayErase, ...subject);
    const verified = JSON.parse(await done(auditor, "audit", "verify", "--json"));
    expect(verified).toMatchObject({ sound: true });
  },
);
