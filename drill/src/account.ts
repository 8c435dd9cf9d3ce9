/** What became of the messages, as the chaos suite counts it. */
import type { Query } from "@org/chaos/database";
import { checkDatabase, readEndings } from "@org/chaos/endings";
import type { SentMessage } from "@org/chaos/producer";
import type { Claims } from "./claims.ts";
import type { Ground } from "./ground.ts";

export interface Accounted {
  readonly ask: Query;
  /** Those that must have their outcome. */
  readonly due: readonly SentMessage[];
  readonly erased: ReadonlySet<string>;
  /** Said of the messages: `every message`, `every message but the gap's`. */
  readonly named: string;
}

export async function account(
  ground: Ground,
  claims: Claims,
  { ask, due, erased, named }: Accounted,
): Promise<void> {
  const readable = {
    contract: ground.contract,
    query: ask,
    keyrings: ground.keyrings,
    deadLetterUrl: ground.deadLetterUrl,
    erased: new Set(erased),
    server: { messageIds: async (url: string) => ground.server.messageIds(url) },
  };
  const { messages, rows, quarantined, lost, doubled, violations } = await readEndings(
    readable,
    due,
    { fifo: false, vault: true },
  );
  claims.check(
    `${named} has one outcome: of ${messages}, ${rows} rows and ${quarantined} in quarantine, ${lost} lost, ${doubled} doubled`,
    lost === 0 && doubled === 0 && rows + quarantined === messages,
  );
  claims.check(
    ["each row, token, sealed record and seed is that of its message", ...violations].join("; "),
    violations.length === 0,
  );
  const sent = new Set(ground.producer.sent.map(({ messageId }) => messageId));
  const strays = await checkDatabase({ contract: ground.contract, query: ask }, sent);
  claims.check(
    [
      "no orphan in ledger, rows, quarantine, vault or seeds, and nothing that nobody sent",
      ...strays,
    ].join("; "),
    strays.length === 0,
  );
}
