/** Who is signed in: known to this process alone, and forgotten when it ends. */

import { randomBytes } from "node:crypto";
import type { EraseCounts, Subject } from "@org/recovery";

export interface Session {
  readonly id: string;
  /** Stands in every form of this session. */
  readonly formToken: string;
  readonly subject: Subject;
  readonly startedAtMs: number;
  /** Challenges that a passkey has still to answer, by what for. */
  readonly challenges: Map<string, Challenge>;
}

export interface Challenge {
  readonly nonce: string;
  readonly untilMs: number;
  /** Of an erasure that is to go on: what it erased so far. */
  readonly before?: EraseCounts | undefined;
}

export interface Sessions {
  readonly open: (subject: Subject) => Session;
  /** Null where there is none, or its time is over. Finding it counts as use. */
  readonly find: (id: string | undefined) => Session | null;
  readonly close: (id: string) => void;
}

export interface SessionLimits {
  readonly idleMs: number;
  readonly absoluteMs: number;
  readonly atMost: number;
  /** Of one person: whoever signs in again and again ends their own sessions, and nobody else's. */
  readonly perSubject: number;
  readonly now: () => number;
}

const minute = 60_000;

const sessionLimits: SessionLimits = {
  idleMs: 15 * minute,
  absoluteMs: 8 * 60 * minute,
  atMost: 10_000,
  perSubject: 10,
  now: Date.now,
};

export function createSessions(limits: SessionLimits = sessionLimits): Sessions {
  const { idleMs, absoluteMs, atMost, perSubject, now } = limits;
  const sessions = new Map<string, { readonly session: Session; usedAtMs: number }>();
  const idsOf = ({ issuer, sub }: Subject): string[] =>
    [...sessions.values()]
      .filter(({ session: { subject } }) => subject.issuer === issuer && subject.sub === sub)
      .map(({ session }) => session.id);
  return {
    open(subject) {
      for (const id of idsOf(subject)
        .toReversed()
        .slice(perSubject - 1))
        sessions.delete(id);
      dropOldest(sessions, atMost);
      const session: Session = {
        id: secret(),
        formToken: secret(),
        subject,
        startedAtMs: now(),
        challenges: new Map(),
      };
      sessions.set(session.id, { session, usedAtMs: now() });
      return session;
    },
    find(id) {
      const held = id === undefined ? undefined : sessions.get(id);
      if (held === undefined) return null;
      const { session, usedAtMs } = held;
      if (now() - usedAtMs < idleMs && now() - session.startedAtMs < absoluteMs) {
        held.usedAtMs = now();
        return session;
      }
      sessions.delete(session.id);
      return null;
    },
    close: (id) => void sessions.delete(id),
  };
}

/** 256 random bits, base64url. */
export function secret(): string {
  return randomBytes(32).toString("base64url");
}

/** Makes room for one more. */
export function dropOldest(map: Map<string, unknown>, atMost: number): void {
  for (const key of map.keys()) {
    if (map.size < atMost) return;
    map.delete(key);
  }
}
