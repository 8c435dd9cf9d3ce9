/** Keyrings for tests. */

import type { Keyring, PrivateKeyring } from "../src/index.ts";
import { generateKeyring, resolveKeyring, resolvePrivateKeyring } from "../src/keyring.ts";
import type { KeyringJson, PrivateKeyringJson } from "../src/keyring.ts";

export const noSources = { env: {} } as const;

/** A keyring and its private half. */
export async function newKeys(): Promise<{ keyring: Keyring; privateKeyring: PrivateKeyring }> {
  return resolveBoth(generateKeyring());
}

export async function resolveBoth(json: {
  readonly keyring: KeyringJson;
  readonly privateKeyring: PrivateKeyringJson;
}): Promise<{ keyring: Keyring; privateKeyring: PrivateKeyring }> {
  return {
    keyring: await resolveKeyring(json.keyring, noSources),
    privateKeyring: await resolvePrivateKeyring(json.privateKeyring, noSources),
  };
}

/** The kid of the key that {@link keysInStates} makes for a state. */
export const kidOf = (state: string): string => state.replace("_", "");

/** Token keys and recipients in these states, each with a key of its own and named after its state. */
export async function keysInStates(states: {
  readonly tokenKeys?: readonly KeyringJson["token_keys"][number]["state"][];
  readonly recipients?: readonly KeyringJson["recipients"][number]["state"][];
}): Promise<{ keyring: Keyring; privateKeyring: PrivateKeyring }> {
  const { tokenKeys = ["primary"], recipients = ["primary"] } = states;
  const pairs = recipients.map((state) => {
    const { keyring, privateKeyring } = generateKeyring({ recipientKid: kidOf(state) });
    return {
      open: keyring.recipients.map((entry) => ({ ...entry, state })),
      secret: privateKeyring.recipients.map((entry) => ({ ...entry, state })),
    };
  });
  return resolveBoth({
    keyring: {
      format: "mk1/keyring",
      token_keys: tokenKeys.flatMap((state) =>
        generateKeyring({ tokenKid: kidOf(state) }).keyring.token_keys.map((entry) => ({
          ...entry,
          state,
        })),
      ),
      recipients: pairs.flatMap(({ open }) => open),
    },
    privateKeyring: {
      format: "mk1/private-keyring",
      recipients: pairs.flatMap(({ secret }) => secret),
    },
  });
}
