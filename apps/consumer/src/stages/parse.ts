/** body -> Login | rejection, with masking's own parsers as the judge of what can be masked. */
import { isCanonicalizable } from "@org/masking";
import { createLoginParser, fieldPolicy } from "@org/schema";
import type { Parsed, UnwrapPolicy } from "@org/schema";

export type Parse = (body: string, attributeNames: readonly string[]) => Parsed;

/** What parses can be masked: the mask stage has no input of its own to refuse. */
export function createParse(unwrap: UnwrapPolicy): Parse {
  return createLoginParser({
    accepts: {
      ip: (value) => isCanonicalizable(fieldPolicy.ip.norm, value),
      device_id: (value) => isCanonicalizable(fieldPolicy.device_id.norm, value),
    },
    unwrap,
  });
}
