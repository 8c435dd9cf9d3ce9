/** The login: the message that this service came with. */
import { defineContract } from "../define-contract.ts";
import { integer, masked, optional, subject, text } from "../fields.ts";
import { majorVersion } from "../major-version.ts";

const deviceId = /^\d{3}-\d{2}-\d{4}$/;
const guid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;

export const login = defineContract({
  name: "login",
  table: "user_logins",
  fields: {
    user_id: subject(
      text({ max: 128, usual: guid, example: "424cdd21-063a-43a7-b91b-7ca1a833afae" }),
    ),
    device_type: text({ max: 32, example: ["android", "ios"] }),
    ip: masked("ip/1"),
    device_id: masked("exact/1", { max: 256, usual: deviceId, example: "593-47-5928" }),
    locale: optional(text({ max: 32, example: ["BR", "DE", "JP", "NG", "RU", "US"] })),
    app_version: optional(text({ max: 32, column: "app_version_text", example: ["2.3.0", "3.1"] })),
  },
  computed: {
    app_version: { type: integer(), from: ({ app_version }) => majorVersion(app_version) },
  },
});
