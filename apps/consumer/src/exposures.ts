/** What of this start production refuses: by its settings, its keyring, the database and the process. */
import { contractPath } from "@org/schema";
import {
  exposuresOfContract,
  exposuresOfKeyFiles,
  exposuresOfProcess,
  exposuresOfServer,
  findIdleAllowances,
  isUnchecked,
  judgeExposures,
  profileOf,
} from "@org/settings";
import type { Exposure, ProfileFinding, ServerTrust } from "@org/settings";

import type { Config, WorkConfig } from "./config.ts";

export interface Posture {
  /** Without a queue where others receive from it. */
  readonly config: WorkConfig & Partial<Pick<Config, "SQS_QUEUE_URL" | "AWS_ENDPOINT_URL_SQS">>;
  readonly server: ServerTrust;
  /** Settings by which the server's log repeats what the writes are given. */
  readonly loggedBy: readonly string[];
}

/** Reads the keyring's file again: how a key is kept, nothing else of it tells. */
export async function findExposures({
  config,
  server,
  loggedBy,
}: Posture): Promise<ProfileFinding[]> {
  const { env, MASKLINE_ALLOW: allowed } = config;
  const queueUrl = config.AWS_ENDPOINT_URL_SQS ?? config.SQS_QUEUE_URL;
  const queue = queueUrl === undefined ? null : new URL(queueUrl);
  const found: Exposure[] = [
    ...exposuresOfServer(server, env, allowed),
    ...exposuresOfProcess(env),
    ...exposuresOfContract(contractPath(config.MASKLINE_CONTRACT, env["INIT_CWD"])),
    ...(queue?.protocol === "http:" || isUnchecked(env) ? (["http_queue"] as const) : []),
    ...(await exposuresOfKeyFiles([config.MASKLINE_KEYRING])),
    ...(loggedBy.length > 0 ? (["logged_parameters"] as const) : []),
  ];
  const profile = profileOf(config, [...(queue ? [queue.hostname] : []), server.host]);
  return [...judgeExposures(profile, found), ...findIdleAllowances(profile, found)];
}
