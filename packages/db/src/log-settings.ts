/** Which settings of a server make its log repeat what statements are given. */

import type { ClientBase } from "pg";

/** A row of pg_settings. */
export interface ServerSetting {
  readonly name: string;
  readonly setting: string;
}

/** A setting of the server's log: of this session, or where a role is said, of that role's sessions (`*`: of all). */
export interface LogSetting extends ServerSetting {
  readonly role: string | null;
}

interface Rule {
  readonly logs: (setting: string) => boolean;
  /** Whether log_parameter_max_length = 0 keeps the parameters out. */
  readonly isCapped: boolean;
}

const isOn = (setting: string): boolean => setting === "on";
/** Milliseconds, of which -1 is never. */
const isTimed = (setting: string): boolean => setting !== "-1";
const isNotZero = (setting: string): boolean => Number(setting) !== 0;

/** "Error Reporting and Logging" in PostgreSQL's documentation; then two extensions that log by themselves. */
const rules: Readonly<Record<string, Rule>> = {
  log_statement: { logs: (setting) => setting === "mod" || setting === "all", isCapped: true },
  log_min_duration_statement: { logs: isTimed, isCapped: true },
  log_min_duration_sample: { logs: isTimed, isCapped: true },
  log_transaction_sample_rate: { logs: isNotZero, isCapped: true },
  log_parameter_max_length_on_error: { logs: isNotZero, isCapped: false },
  debug_print_parse: { logs: isOn, isCapped: false },
  debug_print_rewritten: { logs: isOn, isCapped: false },
  debug_print_plan: { logs: isOn, isCapped: false },
  // A plan may have the values in it, whatever becomes of the parameters.
  "auto_explain.log_min_duration": { logs: isTimed, isCapped: false },
  "pgaudit.log_parameter": { logs: isOn, isCapped: false },
};

const cap = "log_parameter_max_length";

/**
 * The settings by which parameters are logged.
 *
 * What a statement's text holds is logged in other cases too; ours hold no value.
 *
 * @param settings - Of one session.
 */
export function findLoggedParameters(settings: readonly ServerSetting[]): ServerSetting[] {
  const capped = settings.some(({ name, setting }) => name === cap && setting === "0");
  return settings.filter(({ name, setting }) => {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    return rule !== undefined && rule.logs(setting) && !(rule.isCapped && capped);
  });
}

/** The same of several logins: of this session, and of each role with settings of its own. */
export function findLoggedByRoles(settings: readonly LogSetting[]): LogSetting[] {
  const own = settings.filter(({ role }) => role === null);
  const roles = new Set(settings.flatMap(({ role }) => role ?? []));
  return [null, ...roles].flatMap((role) => {
    const changed = settings.filter((setting) => setting.role === role);
    const names = new Set(changed.map(({ name }) => name));
    const kept = own.filter(({ name }) => !names.has(name));
    return names.size === 0
      ? []
      : findLoggedParameters([...changed, ...kept]).map(({ name, setting }) => ({
          role,
          name,
          setting,
        }));
  });
}

/** Of the session itself: with what its login and its database set. */
export async function readLogSettings(client: ClientBase): Promise<ServerSetting[]> {
  const { rows } = await client.query<ServerSetting>(
    "SELECT name, setting FROM pg_catalog.pg_settings WHERE name = ANY ($1)",
    [[cap, ...Object.keys(rules)]],
  );
  return rows;
}
