/** What the console is made of; compose.ts opens it. */

import type { DatabaseFault, Recovery } from "@org/db";
import type { Tokenizer } from "@org/masking";
import type { Unsealer } from "@org/masking/unseal";
import type {
  CheckpointSink,
  ClaimCounts,
  Person,
  RecoverKeyring,
  RetryPorts,
  SigningKey,
  Subject,
  TokenizerFor,
  Witness,
} from "@org/recovery";
import type { AnyContract } from "@org/schema";
import type { Pipeline } from "@org/scrape";
import type { HttpBindings } from "@hono/node-server";
import type { Context, Hono } from "hono";
import type { PostForm } from "./pages/forms.ts";
import type { Session, Sessions } from "./sign-in/sessions.ts";

export interface ConsolePorts {
  /** As people type it. */
  readonly origin: URL;
  readonly tenant: string;
  readonly contract: AnyContract;
  readonly signIn: SignIn;
  readonly signing: Signing;
  readonly sessions: Sessions;
  /** As it stands now: who was taken out of it may do nothing from then on. */
  readonly readKeyring: () => Promise<RecoverKeyring>;
  /** The database, as this person. */
  readonly actAs: (login: string) => Recovery;
  /** Refused where the database's log would have what is opened. */
  readonly openUnsealer: (recovery: Recovery) => Promise<Unsealer>;
  /** To hold rows against their originals; null where the token key is not at hand. */
  readonly tokenizer: Tokenizer<string> | null;
  readonly tokenizerFor: TokenizerFor;
  /** What makes rows of quarantined messages, as the consumer does; null without its keyring. */
  readonly openRemaking: (() => Promise<Pick<RetryPorts, "parse" | "toRow" | "sealer">>) | null;
  readonly claimCounts: ClaimCounts;
  readonly openWitness: (recovery: Recovery, keyring: RecoverKeyring) => Promise<Witness>;
  /** The console's own, an operator's with the duty witness. */
  readonly key: SigningKey;
  readonly openSinks: (keyring: RecoverKeyring) => Promise<readonly CheckpointSink[]>;
  /** Whether keyring, contract and database answer. */
  readonly isReady: () => Promise<boolean>;
  /** Null where nobody said where the consumers are. */
  readonly pipeline: Pipeline | null;
  /** What the database said, if it was the database. */
  readonly databaseFault: (error: unknown) => DatabaseFault | null;
  readonly log: Log;
  readonly limits: Limits;
  readonly now: () => number;
}

export type Log = Readonly<Record<Level, (fields: object, message: string) => void>>;
type Level = "info" | "warn" | "error";

/** How people show who they are. */
export interface SignIn {
  /** The routes that open sessions. */
  readonly serve: (app: App, ports: ConsolePorts) => void;
  /** Whose login the session is; undefined of somebody whom the recover keyring does not know. */
  readonly loginOf: (keyring: RecoverKeyring, subject: Subject) => string | undefined;
  /** What to know once one has signed out. */
  readonly afterwards: string;
}

/** By what people sign, once they have pressed. */
export interface Signing {
  /** As buttons name it. */
  readonly by: "a passkey" | "your key";
  /** What a form needs for it; null where the person has nothing to sign with here. */
  readonly ask: (person: Person, bytes: Uint8Array) => Pick<PostForm, "passkey" | "digest"> | null;
  /** @throws Problem where the answer to the form is not for just these bytes. */
  readonly read: (person: Person, bytes: Uint8Array, answer: string) => Signed;
}

export interface Signed {
  readonly kid: string;
  readonly signature: Uint8Array;
}

export interface Limits {
  /** Requests a minute. */
  readonly perSession: number;
  readonly perAddress: number;
  /** Of an erasure in one answer. */
  readonly eraseBatches: number;
}

export interface Env {
  readonly Bindings: HttpBindings;
  readonly Variables: {
    session: Session | null;
    /** Of a request that has a body. */
    form: URLSearchParams;
    signedIn: SignedIn;
  };
}

/** Whoever asks, and the database as that person. */
export interface SignedIn {
  readonly session: Session;
  readonly person: Person;
  readonly recovery: Recovery;
  /** Pages that there are none of here, by their addresses. */
  readonly hides: readonly string[];
}

export type App = Hono<Env>;
export type Asked = Context<Env>;
