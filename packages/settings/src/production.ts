/** What a deployment in production refuses: one list, for every program of ours. */

import type { Reader } from "./setting.ts";
import { oneOf } from "./readers.ts";
import { optional, type Setting, withDefault } from "./setting.ts";

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
  inline_keys: {
    finding: "a keyring holds key material itself: whoever copies the file has the keys",
    advice:
      "put each key elsewhere, and let the keyring refer to it: file:PATH, env:NAME or aws-kms:ARN",
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
 * allowed. A warning is repeated at every start.
 */
export function judgeExposures(profile: Profile, found: readonly Exposure[]): ProfileFinding[] {
  if (profile.name === "development") {
    if (!profile.isForced) return [];
    return found.map((name) => ({
      severity: "warning",
      finding: exposures[name].finding,
      advice: `${exposures[name].advice}; MASKLINE_PROFILE=development lets everything pass`,
    }));
  }
  const refused = found.filter((name) => !profile.allowed.includes(name));
  return [
    ...refused.map((name): ProfileFinding => ({
      severity: "error",
      finding: exposures[name].finding,
      advice: `${exposures[name].advice}; or accept it, with ${name} in MASKLINE_ALLOW`,
    })),
    ...profile.allowed.map((name): ProfileFinding => ({
      severity: "warning",
      finding: `allowed by MASKLINE_ALLOW: ${exposures[name].finding}`,
      advice: found.includes(name)
        ? exposures[name].advice
        : `take ${name} out of MASKLINE_ALLOW: nothing of this start needs it`,
    })),
  ];
}

/** This machine, by name, address or a socket's directory; an empty host is the driver's own default. */
export function isLoopback(host: string): boolean {
  return /^($|\/|localhost$|127(\.\d{1,3}){3}$|\[?(::1|::ffff:127(\.\d{1,3}){3})\]?$)/i.test(host);
}

/** How the process was started, as far as a debugger could be attached to it. */
export function isDebuggable({
  execArgv,
  nodeOptions = "",
}: {
  readonly execArgv: readonly string[];
  readonly nodeOptions: string | undefined;
}): boolean {
  const options = [...execArgv, ...nodeOptions.split(/\s+/)];
  return (
    options.some((option) => /^--inspect/.test(option)) || !options.includes("--disable-sigusr1")
  );
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
