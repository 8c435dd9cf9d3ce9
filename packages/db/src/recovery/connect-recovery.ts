/** An operator's way into the database: everything goes through the functions of `recovery`. */

import type { Connection } from "../session.ts";
import { type Audit, createAudit } from "./audit.ts";
import { type Call, callOne, type CallsOptions, openCalls } from "./call.ts";
import { type Claims, createClaims } from "./claims.ts";
import { createDossier, type Dossier } from "./dossier.ts";
import { createErasure, type Erasure } from "./erasure.ts";
import { createGrants, type Grants, type OpenGrant } from "./grants.ts";
import { createWork, type Work } from "./work.ts";

/**
 * What an operator may call is decided by the database, from the login's roles; a call that is not
 * theirs fails with SQLSTATE 42501.
 *
 * Every method throws {@link DatabaseError}.
 */
export interface Recovery {
  readonly grants: Grants;
  readonly claims: Claims;
  readonly audit: Audit;
  readonly work: Work;
  readonly erasure: Erasure;
  readonly dossier: Dossier;
}

export interface RecoveryConnection extends Recovery, AsyncDisposable {
  /**
   * The same as another login, over the same connections; the audit names both. For members of
   * maskline_console, and of that login; to anybody else SET ROLE changes nobody's name.
   */
  readonly as: (login: string) => Recovery;
  /** Whether the database answers, and has a contract of this name; for members of maskline_console. */
  readonly knows: (contract: string) => Promise<boolean>;
  /** Newest first: what waits for approvals, or can be used, whoever asked. For members of maskline_console. */
  readonly listOpen: () => Promise<OpenGrant[]>;
}

/** Opens no connection yet: the first call does. */
export function connectRecovery(
  connection: Connection,
  { applicationName = "maskline-recover", connectionsAtMost = 2 }: Partial<CallsOptions> = {},
): RecoveryConnection {
  const calls = openCalls(connection, { applicationName, connectionsAtMost });
  return {
    ...createRecovery(calls.call),
    as: (login) => createRecovery(calls.callAs(login)),
    knows: (contract) => callOne<boolean>(calls.call, "knows_contract", { p_name: contract }),
    async listOpen() {
      const rows = await calls.call<{ list_open: OpenGrant }>("list_open");
      return rows.map((row) => row.list_open);
    },
    [Symbol.asyncDispose]: calls.close,
  };
}

function createRecovery(call: Call): Recovery {
  return {
    grants: createGrants(call),
    claims: createClaims(call),
    audit: createAudit(call),
    work: createWork(call),
    erasure: createErasure(call),
    dossier: createDossier(call),
  };
}
