/** A key more in a recover keyring. */

import type { Duty, KeyJson, PasskeyJson, RecoverKeyringJson } from "@org/recovery";

/** A person who is known keeps their duties: those change under review alone. */
export function withKey(
  before: RecoverKeyringJson,
  { login, duty }: { readonly login: string; readonly duty: readonly Duty[] },
  key: KeyJson | PasskeyJson,
): RecoverKeyringJson {
  const isKnown = before.operators.some((operator) => operator.login === login);
  const operators = isKnown
    ? before.operators.map((operator) =>
        operator.login === login ? { ...operator, keys: [...operator.keys, key] } : operator,
      )
    : [...before.operators, { login, duties: duty, keys: [key] }];
  return { ...before, operators };
}
