/** What production refuses of this call: by the list that every program of ours has. */

import { type Exposure, judgeExposures, type Profile, profileOf } from "@org/settings";
import { readSettings } from "./config.ts";
import type { Edge } from "./edge.ts";
import { exit, RecoverError } from "@org/recovery";

/** @param host - Of the database: unless it is this machine, the profile is production. */
export function openProfile({ env }: Edge, host: string): Profile {
  return profileOf(readSettings(env, ["MASKLINE_PROFILE", "MASKLINE_ALLOW"]), [host]);
}

/** @throws {@link RecoverError} (exit 2) with all of it that is refused; what is let pass is warned of. */
export function refuseExposures(
  { stderr }: Edge,
  profile: Profile,
  found: readonly Exposure[],
): void {
  const findings = judgeExposures(profile, found);
  const refused = findings.filter(({ severity }) => severity === "error");
  for (const { severity, finding } of findings) {
    if (severity === "warning") stderr.write(`Warning: ${finding}.\n`);
  }
  if (refused.length === 0) return;
  throw new RecoverError(exit.configuration, "Production refuses this.", {
    advice: "The profile is production unless the database is on this machine (MASKLINE_PROFILE).",
    faults: refused.map(({ finding, advice }) => `${finding}: ${advice}`),
  });
}
