/** Environment -> settings: every fault at once, and no value in any of them. */

import type { Environment, Setting } from "./setting.ts";

/** Settings by the names of their variables. */
export type Settings = Readonly<Record<string, Setting<unknown>>>;

export type ValuesOf<Of extends Settings> = {
  readonly [Name in keyof Of]: Of[Name] extends Setting<infer Value> ? Value : never;
};

export interface SettingFault {
  readonly name: string;
  readonly problem: "is not set" | "is not usable" | "is not known here, and ignored";
  readonly advice: string;
}

export type Reading<Of extends Settings> =
  | { readonly values: ValuesOf<Of>; readonly ignored: readonly SettingFault[] }
  | { readonly faults: readonly SettingFault[] };

/** What white space is, at the ends of a text: what an editor or `echo` leaves in a file that is mounted. */
const ends = /^[\t\n\r ]+|[\t\n\r ]+$/g;

/**
 * Reads these settings, and no other variable.
 *
 * Every text loses the white space at its ends, and one that is empty then is not set, as most
 * shells and compose files mean it.
 *
 * @param oneOfEach - Groups of names; at least one of each group has to be set.
 * @example
 * const reading = readSettings(
 *   { PORT: withDefault(8080, wholeNumber({ min: 0, max: 65_535 }), "port of /live") },
 *   process.env,
 * );
 * if ("faults" in reading) process.stderr.write(faultLines(reading.faults).join("\n"));
 */
export function readSettings<const Of extends Settings>(
  settings: Of,
  environment: Environment,
  oneOfEach: readonly (readonly (keyof Of & string)[])[] = [],
): Reading<Of> {
  const values: Record<string, unknown> = {};
  const faults: SettingFault[] = [];
  const ignored: SettingFault[] = [];
  const missing = new Set<string | undefined>(
    oneOfEach
      .filter((names) => !names.some((name) => given(environment, name)))
      .map(([name]) => name),
  );
  for (const [name, { read, unset, unusable, advice }] of Object.entries(settings)) {
    const text = given(environment, name);
    const value = text === "" ? null : read(text, environment);
    if (value !== null) {
      values[name] = value;
    } else if (text !== "" && unusable === "refused") {
      faults.push({ name, problem: "is not usable", advice });
    } else if (!unset || missing.has(name)) {
      faults.push({ name, problem: "is not set", advice });
    } else {
      values[name] = unset.value;
      if (text !== "") ignored.push({ name, problem: "is not known here, and ignored", advice });
    }
  }
  return faults.length > 0 ? { faults } : { values: values as ValuesOf<Of>, ignored };
}

/** Some of the settings, for a command that needs no more. */
export function choose<Of extends Settings, Name extends keyof Of>(
  settings: Of,
  names: readonly Name[],
): Pick<Of, Name> {
  return Object.fromEntries(names.map((name) => [name, settings[name]])) as Pick<Of, Name>;
}

/** Variables that are named like settings and are none: a misspelt one is a default that nobody chose. */
export function unknownNames(
  settings: Settings,
  environment: Environment,
  prefix: string,
): string[] {
  return Object.keys(environment).filter(
    (name) => name.startsWith(prefix) && !Object.hasOwn(settings, name),
  );
}

/** One line a fault. */
export function faultLines(faults: readonly SettingFault[]): string[] {
  return faults.map(({ name, problem, advice }) => `${name} ${problem}: ${advice}`);
}

function given(environment: Environment, name: string): string {
  return (environment[name] ?? "").replace(ends, "");
}
