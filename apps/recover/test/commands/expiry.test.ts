import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { askApproved, openOffice } from "../office.ts";

test(
  "a grant whose time has passed opens nothing: exit 3, audited",
  { timeout: 180_000 },
  async () => {
    await using office = await openOffice();
    const [record = ""] = await office.write([office.sample()]);
    const terms = ["unmask", "--field", office.field, "--record", record, "--minutes", "1"];
    const grant = await askApproved(office, office.requester, terms);

    // The least that a request can ask for is a minute, and only its passing leaves the signature whole.
    for (;;) {
      const [row] = await office.admin(
        "SELECT expires_at <= clock_timestamp() AS has_passed FROM recovery.access_grant WHERE id = $1",
        [grant],
      );
      if (row?.["has_passed"] === true) break;
      await sleep(500);
    }

    const ended = await office.requester.recover(["unmask", "--grant", grant, "--print"]);
    expect(ended).toMatchObject({ code: 3, stdout: "" });
    expect(ended.stderr).toContain("(grant_expired)");
    const [audited] = await office.admin(
      "SELECT actor, action, detail::jsonb ->> 'code' AS code FROM recovery.audit ORDER BY seq DESC LIMIT 1",
    );
    expect(audited).toEqual({
      actor: office.requester.login,
      action: "refused",
      code: "grant_expired",
    });
  },
);
