/** The masker's own strict parsers, as the consumer hands them to the login parser. */
import { isCanonicalizable } from "@org/masking";
import { type Accepts, fieldPolicy } from "@org/schema";

export const accepts: Accepts = {
  ip: (value) => isCanonicalizable(fieldPolicy.ip.norm, value),
  device_id: (value) => isCanonicalizable(fieldPolicy.device_id.norm, value),
};
