/** The URL of a PostgreSQL server, or of several of which one takes writes. */

import type { Reader } from "./setting.ts";

/** Everything before the hosts, the hosts, everything behind them: a URL's authority ends at the first of / ? #. */
const parts = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#@]*)(.*)$/s;

/**
 * A URL for each host of one that names several, as libpq writes them: `postgresql://u:p@a:5432,b:5433/db`.
 * Of one host, and of what is no such URL, it is that URL.
 */
export function urlsOfServers(url: string): readonly [string, ...string[]] {
  const [, before = "", hosts = "", behind = ""] = parts.exec(url) ?? [];
  const [first = "", ...others] = hosts.split(",");
  if (others.length === 0) return [url];
  return [
    `${before}${first}${behind}`,
    ...others.map((host): string => `${before}${host}${behind}`),
  ];
}

/** A URL as `pg` takes it: also with its host left out, for a socket's directory in `?host=`; and with several hosts. */
export function postgresUrl(): Reader<string> {
  return {
    form: "postgresql://USER:PASSWORD@HOST:5432/DATABASE, with more hosts between commas where one of them takes writes (?target_session_attrs=read-write), or with none and ?host=/DIRECTORY/OF/SOCKET",
    read(given) {
      if (/\s/.test(given)) return null;
      const urls = urlsOfServers(given);
      return urls.every((url) => isOneServer(url, urls.length > 1)) ? given : null;
    },
  };
}

function isOneServer(given: string, isOneOfSeveral: boolean): boolean {
  const url = URL.parse(isOneOfSeveral ? given : given.replace("@/", "@localhost/"));
  if (url?.protocol !== "postgres:" && url?.protocol !== "postgresql:") return false;
  const wanted = url.searchParams.get("target_session_attrs") ?? "read-write";
  const socket = url.searchParams.get("host");
  return (
    ["read-write", "primary"].includes(wanted) &&
    (isOneOfSeveral ? socket === null && url.hostname !== "" : socket?.includes(",") !== true)
  );
}
