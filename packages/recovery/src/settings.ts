/** The settings that `recover` and the console have alike. */

import { oneOf, path, list, profileSettings, required, text, withDefault } from "@org/settings";

/** Each with what it holds: printed beside a fault, instead of the value. */
export const recoverySettings = {
  RECOVER_KEYRING: required(
    path(),
    "path of the recover keyring: operators, their subjects, public keys and duties",
  ),
  RECOVER_PRIVATE_KEYRING: required(
    path(),
    "path of the private keyring; `recover keys init` writes one",
  ),
  RECOVER_SIGNING_KEY: required(
    path(),
    "path of your Ed25519 signing key, or the console's; `recover keys signer` writes one",
  ),
  MASKLINE_TENANT: withDefault(
    "default",
    text(/^[\w.-]{1,64}$/, "up to 64 letters, digits, '.', '_' or '-'"),
    "the tenant",
  ),
  MASKLINE_CONTRACT: withDefault(
    "login",
    text(),
    "the messages' contract: the name of one that is shipped, or the path of a module",
  ),
  MASKLINE_UNWRAP: withDefault([], list(), "SNS topic ARNs and EventBridge sources"),
  MASKLINE_VAULT: withDefault("on", oneOf("on", "off"), "whether originals are kept"),
  ...profileSettings,
};
