import { parseEnv } from "node:util";
import { roles } from "@org/db";
import { expect, test } from "vitest";
import { readConfig } from "../../apps/consumer/src/config.ts";
import { readText, readYaml } from "./files.ts";

interface Service {
  readonly image?: string;
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly stop_grace_period?: string;
}

const { services } = readYaml("docker-compose.yml") as { services: Record<string, Service> };
const consumer = services["consumer"];
const named = Object.entries(services).map(([name, service]) => ({ name, service }));

test.each(named)("$name has no capability, no way to more, no writable image", ({ service }) => {
  expect(service).toMatchObject({
    cap_drop: ["ALL"],
    read_only: true,
    security_opt: ["no-new-privileges:true"],
  });
});

test.each(named.filter(({ service }) => service.image !== undefined))(
  "$name, from elsewhere, is pinned by version and digest and not root",
  ({ service }) => {
    expect(service.image).toMatch(/:\d+\.\d+(\.\d+)?(-[a-z]+)?@sha256:[\da-f]{64}$/);
    expect(service.user).toMatch(/^(?!root|0)/);
  },
);

test("every port is open on this machine only", () => {
  const ports = named.flatMap(({ service }) => service.ports ?? []);

  expect(ports).toHaveLength(3);
  for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
});

/** The consumer's environment where nothing of it is set outside. */
const byDefault = Object.fromEntries(
  Object.entries(consumer?.environment ?? {}).map(([name, value]) => [
    name,
    value.replace(/^\$\{\w+:-(.*)\}$/, "$1"),
  ]),
);

test("the consumer accepts its environment, and .env.example", () => {
  for (const env of [byDefault, parseEnv(readText(".env.example"))]) {
    expect(readConfig(env)).not.toHaveProperty("faults");
  }
});

test("each program with a contract takes the same, and sees the folder of those of one's own", () => {
  for (const name of ["migrate", "consumer", "seed"]) {
    expect(services[name]?.environment?.["MASKLINE_CONTRACT"]).toBe("${MASKLINE_CONTRACT:-login}");
    expect(services[name]?.volumes).toContain("${MASKLINE_CONTRACTS:-./examples}:/contracts:ro");
  }
});

test("what a production would refuse is allowed here by name", () => {
  for (const name of ["migrate", "consumer"]) {
    expect(services[name]?.environment?.["MASKLINE_PROFILE"]).toBe("development");
  }
});

test("the consumer is given longer to stop than it takes", () => {
  const read = readConfig(byDefault);
  const shutdownMs = "config" in read ? read.config.MASKLINE_SHUTDOWN_SECONDS * 1000 : Number.NaN;

  expect(Number.parseInt(consumer?.stop_grace_period ?? "", 10) * 1000).toBeGreaterThan(shutdownMs);
});

test("only the service that makes the keys holds the private keyring", () => {
  const holders = named.filter(({ service }) =>
    service.volumes?.some((volume) => volume.startsWith("private-keyring:")),
  );

  expect(holders.map(({ name }) => name)).toEqual(["keys"]);
  expect(consumer?.volumes).toContain("keyring:/keyring:ro");
});

test("programs log in as members of the group roles, never as the superuser", () => {
  const sql = readText("deploy/postgres-init.sql");
  const urls = named.flatMap(({ service }) =>
    Object.values(service.environment ?? {}).filter((value) => value.startsWith("postgresql:")),
  );
  const logins = urls.map((url) => new URL(url).username);

  expect(logins.toSorted()).toEqual(["consumer", "migrator"]);
  expect(sql).toContain("CREATE ROLE consumer LOGIN PASSWORD 'consumer' IN ROLE maskline_writer;");
  expect(sql).toContain("CREATE ROLE migrator LOGIN PASSWORD 'migrator' IN ROLE maskline_owner;");
});

test("the database is prepared with every group role that migrations know", () => {
  const [list = ""] = /(?<=ARRAY\[)[^\]]*/.exec(readText("deploy/postgres-init.sql")) ?? [];

  expect(list.match(/\w+/g)).toEqual([...roles]);
});
