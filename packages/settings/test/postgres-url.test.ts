import { expect, test } from "vitest";

import { postgresUrl, urlsOfServers } from "../src/index.ts";

test.each([
  "postgresql://u:p@db.internal:5432/logins?sslmode=verify-full",
  "postgres://db/logins",
  "postgres://db/logins?target_session_attrs=primary",
  "postgresql://u:p@/db?host=/var/run/postgresql",
  "postgresql:///db?host=/var/run/postgresql",
  "postgresql://u:p@a:5432,b:5433/x?target_session_attrs=read-write",
  "postgresql://a,[::1]:5433,c/x",
])("takes a database's URL: %s", (url) => {
  expect(postgresUrl().read(url, {})).toBe(url);
});

test.each([
  "mysql://u@db/x",
  "mysql://a,b/x",
  "db/x",
  "postgresql://u:p w@db/x",
  "postgresql://a,,b/x",
  "postgresql://a,b:port/x",
  "postgresql://u:p@a,/x",
  "postgresql://a,b/x?host=/var/run/postgresql",
  "postgresql://u@/x?host=/run/a,/run/b",
  "postgresql://a,b/x?target_session_attrs=standby",
  "postgresql://a/x?target_session_attrs=any",
])("refuses a database's URL that would mean something else here: %s", (url) =>
  expect(postgresUrl().read(url, {})).toBeNull(),
);

test("several hosts are a URL each, with everything else in common", () => {
  expect(urlsOfServers("postgres://u:p%2C@a:1,[::1]:2,c/d,e?x=1,2")).toEqual([
    "postgres://u:p%2C@a:1/d,e?x=1,2",
    "postgres://u:p%2C@[::1]:2/d,e?x=1,2",
    "postgres://u:p%2C@c/d,e?x=1,2",
  ]);
  expect(urlsOfServers("postgres://u:p,q@a/d,e")).toEqual(["postgres://u:p,q@a/d,e"]);
});
