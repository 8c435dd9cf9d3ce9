import { createParser, createToRow, login } from "@org/schema";
import { describe, expect, it } from "vitest";

const parse = createParser(login);
const toRow = createToRow(login, { tokenize: () => "token" as never });

function versionOf(json: string): unknown {
  const parsed = parse(`{"user_id":"424cdd21-063a-43a7-b91b-7ca1a833afae","app_version":${json},
    "device_type":"android","ip":"199.172.111.135","locale":"RU","device_id":"593-47-5928"}`);
  if (parsed.kind === "rejection") return parsed.reason;
  const { columns } = toRow(parsed.message, { recordId: "", sealer: null });
  return [columns.app_version, columns.app_version_text, ...parsed.oddities];
}

describe("a login's app_version", () => {
  it.each([
    ["2", 2],
    ["2.00", 2],
    ["2.3.0", 2],
    ["2147483647.1", 2_147_483_647],
  ])("%s is stored as a number and as it was sent", (text, major) => {
    expect(versionOf(JSON.stringify(text))).toEqual([major, text]);
  });

  it.each(["v1.2", "5.0.0-beta", "1.2.3.4", "2147483648.0.0", "\u0662.\u0663"])(
    "%s is no number, and counted",
    (text) => {
      expect(versionOf(JSON.stringify(text))).toEqual([null, text, "app_version_not_integer"]);
    },
  );

  it("may be missing, which is counted once where nobody said so", () => {
    expect(versionOf("null")).toEqual([null, null]);
    expect(versionOf('""')).toEqual([null, null, "app_version_missing"]);
  });

  it.each(["2.30", "2", "[2,3]", '{"a":2}'])("%s is no text", (json) => {
    expect(versionOf(json)).toBe("app_version_wrong_type");
  });
});

describe("the login's table", () => {
  it("keeps its columns, their order and their types", () => {
    expect(
      login.columns.map(({ name, sqlType, isNullable }) => [name, sqlType, isNullable]),
    ).toEqual([
      ["user_id", "varchar(128)", false],
      ["device_type", "varchar(32)", false],
      ["masked_ip", "varchar(256)", false],
      ["masked_device_id", "varchar(256)", false],
      ["locale", "varchar(32)", true],
      ["app_version", "integer", true],
      ["create_date", "date", false],
      ["app_version_text", "varchar(32)", true],
      ["message_id", "uuid", false],
      ["sent_at", "timestamptz", false],
      ["record_id", "uuid", false],
    ]);
  });
});
