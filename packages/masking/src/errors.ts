/** The one error this library throws. */

/** What went wrong, stable across versions. */
export type MaskingErrorCode =
  | "ERR_MASKING_INPUT_INVALID"
  | "ERR_MASKING_KEY_INVALID"
  | "ERR_MASKING_KEY_UNKNOWN"
  | "ERR_MASKING_UNSEAL_FAILED";

/**
 * Every refusal of this library.
 *
 * Its text is made of constant sentences, key ids, field names and positions: it never holds a
 * value, a key or the text of another error, so it may be logged as it is.
 *
 * @example
 * ```ts
 * import { canonicalize, MaskingError } from "@org/masking";
 *
 * try {
 *   canonicalize("ip/1", "10.0.0.01");
 * } catch (error) {
 *   if (!(error instanceof MaskingError)) throw error;
 *   console.log(error.code); // ERR_MASKING_INPUT_INVALID
 * }
 * ```
 */
export class MaskingError extends Error {
  override readonly name = "MaskingError";
  readonly code: MaskingErrorCode;
  /** Every fault that was found, where there can be several (a keyring); else empty. */
  readonly faults: readonly string[];

  constructor(code: MaskingErrorCode, message: string, faults: readonly string[] = []) {
    super([message, ...faults.map((fault) => `  - ${fault}`)].join("\n"));
    this.code = code;
    this.faults = faults;
  }
}

/** One error for every reason, so that nobody learns which check failed. */
export function unsealFailed(): MaskingError {
  return new MaskingError("ERR_MASKING_UNSEAL_FAILED", "The sealed bytes cannot be opened.");
}
