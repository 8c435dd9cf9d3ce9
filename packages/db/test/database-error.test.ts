import { DrizzleQueryError } from "drizzle-orm";
import { DatabaseError as PgError } from "pg";
import { describe, expect, it } from "vitest";
import { DatabaseError, toDatabaseError } from "../src/database-error.ts";

const sentinel = "198.51.100.77";

function fromServer(code: string): PgError {
  const error = new PgError(`invalid input: "${sentinel}"`, 0, "error");
  return Object.assign(error, {
    code,
    constraint: "user_logins_pk",
    detail: `Failing row contains (${sentinel}).`,
    where: `unnamed portal parameter $1 = '${sentinel}'`,
  });
}

const systemError = (code: string): Error =>
  Object.assign(new Error(sentinel), { code, syscall: "connect" });

describe("toDatabaseError", () => {
  it.each([
    ["08006", "transient"],
    ["40001", "transient"],
    ["40P01", "transient"],
    ["53100", "transient"],
    ["57P01", "transient"],
    ["57014", "transient"],
    ["55P03", "transient"],
    ["25006", "transient"],
    ["22021", "data"],
    ["22003", "data"],
    ["23502", "data"],
    ["23505", "data"],
    ["42P01", "unknown"],
    ["42501", "unknown"],
    ["28P01", "unknown"],
    ["25P02", "unknown"],
    ["XX000", "unknown"],
  ])("takes SQLSTATE %s as %s", (sqlState, kind) => {
    expect(toDatabaseError(fromServer(sqlState))).toMatchObject({ kind, sqlState });
  });

  it.each([
    ["a refused connection", systemError("ECONNREFUSED")],
    ["a name that does not resolve", systemError("EAI_AGAIN")],
    ["a refused connection at every address", new AggregateError([systemError("ECONNREFUSED")])],
    ["a connection that ended", new Error("Connection terminated unexpectedly")],
    ["no answer to a connection", new Error("Connection terminated due to connection timeout")],
    ["no free connection", new Error("timeout exceeded when trying to connect")],
    ["no answer to a query", new Error("Query read timeout")],
    ["a server without TLS", new Error("The server does not support SSL connections")],
  ])("takes %s as transient", (_, error) => {
    expect(toDatabaseError(error)).toMatchObject({ kind: "transient", sqlState: null });
  });

  it.each([
    [fromServer("08006"), "connection_lost"],
    [fromServer("08P01"), "pooler_refuses_parameter"],
    [fromServer("23505"), "row_refused"],
    [fromServer("25006"), "read_only"],
    [fromServer("28P01"), "login_refused"],
    [fromServer("42501"), "right_missing"],
    [fromServer("42703"), "schema_differs"],
    [fromServer("42P05"), "pooler_without_prepared_statements"],
    [fromServer("53100"), "disk_full"],
    [fromServer("57014"), "query_timeout"],
    [fromServer("57P01"), "shutting_down"],
    [fromServer("XX000"), "unknown"],
    [systemError("ECONNREFUSED"), "connection_refused"],
    [new AggregateError([systemError("ENOTFOUND")]), "host_unknown"],
    [systemError("ETIMEDOUT"), "connect_timeout"],
    [systemError("ECONNRESET"), "connection_lost"],
    [new Error("timeout expired"), "connect_timeout"],
    [new Error("timeout exceeded when trying to connect"), "connect_timeout"],
    [new Error("Connection terminated due to connection timeout"), "connect_timeout"],
    [new Error("Connection terminated unexpectedly"), "connection_lost"],
    [new Error("Query read timeout"), "query_timeout"],
    [new Error("The server does not support SSL connections"), "tls_unsupported"],
    [Object.assign(new Error(sentinel), { code: "CERT_HAS_EXPIRED" }), "tls_untrusted"],
    [new TypeError(sentinel), "unknown"],
  ])("names the reason, of a closed list: %s is %s", (error, reason) => {
    expect(toDatabaseError(error).reason).toBe(reason);
  });

  it.each([
    ["a statement that the server gave up", fromServer("57014"), true],
    ["a statement that pg gave up", new Error("Query read timeout"), true],
    ["a server that shuts down", fromServer("57P01"), false],
    ["no answer to a connection", new Error("timeout expired"), false],
    ["a connection that ended", new Error("Connection terminated unexpectedly"), false],
  ])("tells whether a statement took too long: %s", (_, error, timedOut) => {
    expect(toDatabaseError(error)).toMatchObject({ kind: "transient", timedOut });
  });

  it.each([
    [systemError("ECONNREFUSED"), "(ECONNREFUSED)", "ECONNREFUSED"],
    [systemError("ENOTFOUND"), "(ENOTFOUND)", "ENOTFOUND"],
    [new AggregateError([systemError("ETIMEDOUT")]), "(ETIMEDOUT)", "ETIMEDOUT"],
    [new Error("Connection terminated unexpectedly"), "failed or timed out.", null],
    [new Error("The server does not support SSL connections"), "does not support TLS", null],
    [systemError(sentinel), "failed or timed out.", null],
  ])("says what became of the connection, without a host: %s", (error, words, systemCode) => {
    const reduced = toDatabaseError(error);
    expect(reduced).toMatchObject({ kind: "transient", systemCode });
    expect(reduced.message).toContain(words);
    expect(reduced.message).not.toContain(sentinel);
  });

  it("says what a wrong password and an untrusted certificate are", () => {
    expect(toDatabaseError(fromServer("28P01")).message).toBe(
      "The database reported SQLSTATE 28P01: wrong user or password.",
    );
    const certificate = Object.assign(new Error(sentinel), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    expect(toDatabaseError(certificate)).toMatchObject({
      kind: "unknown",
      message: "The database's TLS certificate is not trusted.",
    });
  });

  it.each([
    ["an error it does not know", new Error(sentinel)],
    ["something thrown that is no error", sentinel],
  ])("takes %s as unknown", (_, error) => {
    expect(toDatabaseError(error)).toMatchObject({ kind: "unknown", sqlState: null });
  });

  it.each([
    ["from the server", fromServer("23502")],
    ["from drizzle", new DrizzleQueryError("insert", [sentinel], fromServer("23502"))],
    ["from the network", systemError("ECONNRESET")],
    ["from anywhere else", new Error(sentinel)],
  ])("keeps nothing of the message, detail or cause of an error %s", (_, error) => {
    const reduced = toDatabaseError(error);
    expect([reduced.message, reduced.stack, JSON.stringify(reduced)].join()).not.toContain(
      sentinel,
    );
    expect(reduced.cause).toBeUndefined();
  });

  it("keeps SQLSTATE and constraint through drizzle's wrapping", () => {
    const wrapped = new DrizzleQueryError("insert", [], fromServer("23505"));
    expect(toDatabaseError(wrapped)).toMatchObject({
      kind: "data",
      sqlState: "23505",
      constraint: "user_logins_pk",
    });
  });

  it("leaves a reduced error as it is", () => {
    const reduced = toDatabaseError(fromServer("40001"));
    expect(toDatabaseError(reduced)).toBe(reduced);
    expect(reduced).toBeInstanceOf(DatabaseError);
  });
});
