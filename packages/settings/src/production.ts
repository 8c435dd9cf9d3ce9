/** What a deployment in production refuses: one list, for every program of ours. */

import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { url as inspectorUrl } from "node:inspector";

import { oneOf } from "./readers.ts";
import { type Environment, optional, type Reader, type Setting, withDefault } from "./setting.ts";

interface Rule {
  /** What is found, as a fault. */
  readonly finding: string;
  /** What to do about it, other than to allow it. */
  readonly advice: string;
}

/** By the name that allows it in MASKLINE_ALLOW. */
export const exposures = {
  plain_database: {
    finding:
      "the connection to the database does not verify the server's certificate: whoever gets between reads and changes what is sent",
    advice:
      "add sslmode=verify-full to the database's URL (and sslrootcert=PATH for a certificate authority of your own)",
  },
  weak_password: {
    finding: "a server that is not verified may have the database password in clear, or as MD5",
    advice:
      "set password_encryption = scram-sha-256 on the server and set the login's password again",
  },
  http_queue: {
    finding: "the queue is reached over http: whoever gets between reads messages and credentials",
    advice: "use the queue's https address",
  },
  http_console: {
    finding:
      "the console, its OpenID provider or its webhook is reached over http, or certificates are not checked: whoever gets between reads what is opened, signs in as others, or learns what waits",
    advice: "use https addresses for all of them, and leave NODE_TLS_REJECT_UNAUTHORIZED unset",
  },
  inline_keys: {
    finding: "a keyring holds key material itself: whoever copies the file has the keys",
    advice:
      "put each key elsewhere, and let the keyring refer to it: file:PATH, env:NAME or aws-kms:ARN",
  },
  writable_contract: {
    finding:
      "others may write the contract's file: it runs in this process, and can do all that this process can",
    advice: "make it root's or your own, mode 0644 or less, once you have reviewed what it says",
  },
  file_sink: {
    finding:
      "checkpoints go into a directory: whoever administers this machine can change or remove them",
    advice: "name a bucket with object lock in the recover keyring: s3://BUCKET/PREFIX",
  },
  one_approval: {
    finding: "one approval is enough to open more than 100 records",
    advice: "require two in the recover keyring's approvals, and in recovery.policy",
  },
  logged_parameters: {
    finding:
      "the database's log repeats what statements are given: seeds and sealed records stand in it, and no erasure reaches it",
    advice:
      "as a superuser: ALTER DATABASE … SET log_parameter_max_length = 0; ALTER DATABASE … SET log_parameter_max_length_on_error = 0",
  },
  debugger: {
    finding: "a debugger can be attached to this process, and reads its keys",
    advice: "start it with --disable-sigusr1 and without --inspect",
  },
  memory_files: {
    finding:
      "Node may write this process's memory, or its variables, into a file: keys and values with them",
    advice: "start it without --heapsnapshot-…, --heap-prof and --report-…",
  },
} as const satisfies Readonly<Record<string, Rule>>;

export type Exposure = keyof typeof exposures;

export const exposureNames = Object.keys(exposures) as readonly Exposure[];

export type ProfileName = "production" | "development";

/** The settings by which a profile is chosen, for the list of every program. */
export const profileSettings: {
  readonly MASKLINE_PROFILE: Setting<ProfileName | null>;
  readonly MASKLINE_ALLOW: Setting<readonly Exposure[]>;
} = {
  MASKLINE_PROFILE: optional(
    oneOf("production", "development"),
    "leave it unset for production wherever queue or database are beyond this machine",
  ),
  MASKLINE_ALLOW: withDefault([], exposureList(), "what production refuses and you accept"),
};

export interface Profile {
  readonly name: ProfileName;
  /** Development that somebody chose for a deployment beyond this machine. */
  readonly isForced: boolean;
  readonly allowed: readonly Exposure[];
}

export interface ProfileFinding {
  readonly severity: "error" | "warning";
  readonly finding: string;
  readonly advice: string;
}

/** @param hosts - Of the queue and the database, as far as they are used; null where it is not known. */
export function profileOf(
  settings: {
    readonly MASKLINE_PROFILE: ProfileName | null;
    readonly MASKLINE_ALLOW: readonly Exposure[];
  },
  hosts: readonly (string | null)[],
): Profile {
  const isLocal = hosts.every((host) => host !== null && isLoopback(host));
  return {
    name: settings.MASKLINE_PROFILE ?? (isLocal ? "development" : "production"),
    isForced: settings.MASKLINE_PROFILE === "development" && !isLocal,
    allowed: settings.MASKLINE_ALLOW,
  };
}

/**
 * What is to be said of what was found: an error for each that is refused, a warning for each that is
 * let pass. A warning is repeated at every start.
 */
export function judgeExposures(profile: Profile, found: readonly Exposure[]): ProfileFinding[] {
  if (profile.name === "development" && !profile.isForced) return [];
  return found.map((name): ProfileFinding => {
    const { finding, advice } = exposures[name];
    if (profile.isForced) {
      const forced = "MASKLINE_PROFILE=development lets it pass beyond this machine";
      return { severity: "warning", finding: `${forced}: ${finding}`, advice };
    }
    return profile.allowed.includes(name)
      ? { severity: "warning", finding: `allowed by MASKLINE_ALLOW: ${finding}`, advice }
      : {
          severity: "error",
          finding,
          advice: `${advice}; or accept it, with ${name} in MASKLINE_ALLOW`,
        };
  });
}

/** What is allowed, and nothing needs it. */
export function findIdleAllowances(
  { allowed }: Profile,
  found: readonly Exposure[],
): ProfileFinding[] {
  const idle = allowed.filter((name) => !found.includes(name));
  return idle.map((name) => ({
    severity: "warning",
    finding: `MASKLINE_ALLOW has ${name}, and nothing here needs it`,
    advice: "take it out: it would let pass what comes later",
  }));
}

/** This machine, by name, address or a socket's directory; an empty host is the driver's own default. */
export function isLoopback(host: string): boolean {
  return /^($|\/|localhost$|127(\.\d{1,3}){3}$|\[?(::1|::ffff:127(\.\d{1,3}){3})\]?$)/i.test(host);
}

/** A server, as far as the connection to it says. */
export interface ServerTrust {
  /** A name, an address, or a socket's directory. */
  readonly host: string;
  /** TLS, with a certificate that is verified to be the host's. */
  readonly isVerified: boolean;
}

/** What a connection to the database exposes; by itself, and if it may give its password away. */
export function exposuresOfServer(
  { host, isVerified }: ServerTrust,
  environment: Environment,
  allowed: readonly Exposure[],
): Exposure[] {
  if (isVerified && !isUnchecked(environment)) return [];
  const exposed: Exposure[] = isLoopback(host) ? [] : ["plain_database"];
  return allowed.includes("weak_password") ? [...exposed, "weak_password"] : exposed;
}

/** @param urls - Of the console, of where people sign in, of what is told that something waits; null: of nothing. */
export function exposuresOfConsole(
  urls: readonly (URL | null)[],
  environment: Environment,
): Exposure[] {
  return urls.some(isOpen) || isUnchecked(environment) ? ["http_console"] : [];
}

function isOpen(url: URL | null): boolean {
  return url?.protocol === "http:" && !isLoopback(url.hostname);
}

/** Node's own switch, for every connection of the process. */
export function isUnchecked(environment: Environment): boolean {
  return environment["NODE_TLS_REJECT_UNAUTHORIZED"] === "0";
}

/** A file whose content is trusted: nobody may write it but root, and who runs this. */
export function isWritableByOthers({
  mode,
  uid,
}: {
  readonly mode: number;
  readonly uid: number;
}): boolean {
  // Windows has no such mode bits.
  const hasModes = process.platform !== "win32";
  return hasModes && ((mode & 0o022) !== 0 || (uid !== 0 && uid !== process.geteuid?.()));
}

/** @param path - Of a contract's module; null of one that is shipped. One that is not there exposes nothing. */
export function exposuresOfContract(path: string | null): Exposure[] {
  const file = path === null ? undefined : statSync(path, { throwIfNoEntry: false });
  return file !== undefined && isWritableByOthers(file) ? ["writable_contract"] : [];
}

/** Whether a debugger is open, or a signal would open one; and whether one, or a crash, would write memory down. */
export function exposuresOfProcess(
  environment: Environment,
  execArgv: readonly string[] = process.execArgv,
): Exposure[] {
  const options = [...execArgv, ...(environment["NODE_OPTIONS"] ?? "").split(/\s+/)];
  const isAsked = (form: RegExp): boolean => options.some((option) => form.test(option));
  const isOpen = inspectorUrl() !== undefined || isAsked(/^--inspect/);
  return [
    ...(isOpen || !options.includes("--disable-sigusr1") ? (["debugger"] as const) : []),
    ...(isAsked(/^--(heapsnapshot|heap-prof|report-)/) ? (["memory_files"] as const) : []),
  ];
}

/** Whether a keyring has key material in it: of token keys, or of recipients' private keys. A reference has a colon. */
export function holdsInlineKeys(json: unknown): boolean {
  if (typeof json !== "object" || json === null) return false;
  return Object.entries(json).some(([name, value]: [string, unknown]) =>
    name === "key" || name === "private_key"
      ? typeof value === "string" && !value.includes(":")
      : holdsInlineKeys(value),
  );
}

/** @param paths - Of keyrings that can be read. */
export async function exposuresOfKeyFiles(paths: readonly string[]): Promise<Exposure[]> {
  const texts = await Promise.all(paths.map((path) => readFile(path, "utf8")));
  return texts.some((text) => holdsInlineKeys(JSON.parse(text))) ? ["inline_keys"] : [];
}

function exposureList(): Reader<readonly Exposure[]> {
  const name = oneOf(...exposureNames);
  return {
    form: `of ${exposureNames.join(", ")}, separated by commas`,
    read(given, environment) {
      const parts = given.split(",").map((part) => part.trim());
      const names = parts.filter((part) => part !== "").map((part) => name.read(part, environment));
      return names.every((each) => each !== null) ? [...new Set(names)] : null;
    },
  };
}
