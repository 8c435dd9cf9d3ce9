/** Whom the messages speak of, and what they send before the change and after it. */

export const alice = "0b2f7f0e-5a0c-4b8e-9d55-6f1c2a8d1a01";
export const bob = "0b2f7f0e-5a0c-4b8e-9d55-6f1c2a8d1a02";
export const carol = "0b2f7f0e-5a0c-4b8e-9d55-6f1c2a8d1a03";

export const address = "203.0.113.1";
export const email = "alice@example.org";

/** A row of this locale is refused by the database for a while. */
export const refusedLocale = "XX";

const ofAlice = {
  user_id: alice,
  device_type: "android",
  ip: address,
  device_id: "111-11-1111",
  locale: "DE",
  app_version: "2.3.0",
};
const ofBob = { ...ofAlice, user_id: bob, ip: "203.0.113.2", device_id: "222-22-2222" };
const ofCarol = {
  ...ofAlice,
  user_id: carol,
  ip: "203.0.113.3",
  device_id: "333-33-3333",
  locale: refusedLocale,
};

export const messagesBefore = [ofAlice, ofBob, ofCarol] as const;

export const messagesAfter = [
  { ...ofAlice, country: "DE", email },
  // The same address as Alice's, so the same token.
  { ...ofBob, country: "FR", email },
  // A producer that knows nothing of the change.
  ofBob,
  { ...ofCarol, country: "IT", email: "carol@example.org" },
  { ...ofBob, country: "DEU", email },
  { ...ofBob, country: "DE", email: "bob at example.org" },
] as const;

export const messageUnderNewKey = { ...ofBob, country: "ES", email: "bob@example.org" };
