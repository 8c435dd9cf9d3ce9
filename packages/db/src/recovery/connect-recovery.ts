/** An operator's way into the database: everything goes through the functions of `recovery`. */

import type { Connection } from "../session.ts";
import { type Audit, createAudit } from "./audit.ts";
import { openCalls } from "./call.ts";
import { type Claims, createClaims } from "./claims.ts";
import { createErasure, type Erasure } from "./erasure.ts";
import { createGrants, type Grants } from "./grants.ts";
import { createWork, type Work } from "./work.ts";

/**
 * What an operator may call is decided by the database, from the login's roles; a call that is not
 * theirs fails with SQLSTATE 42501.
 *
 * Every method throws {@link DatabaseError}.
 */
export interface Recovery extends AsyncDisposable {
  readonly grants: Grants;
  readonly claims: Claims;
  readonly audit: Audit;
  readonly work: Work;
  readonly erasure: Erasure;
}

/** Opens no connection yet: the first call does. */
export function connectRecovery(connection: Connection): Recovery {
  const { call, close } = openCalls(connection);
  return {
    grants: createGrants(call),
    claims: createClaims(call),
    audit: createAudit(call),
    work: createWork(call),
    erasure: createErasure(call),
    [Symbol.asyncDispose]: close,
  };
}
