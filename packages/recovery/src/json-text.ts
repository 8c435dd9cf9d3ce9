import { z } from "zod";

/** Text that is JSON; its value is held to a schema that it is piped into. */
export const jsonText: z.ZodType<unknown, string> = z.string().transform((text, context) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    context.addIssue("is no JSON");
    return z.NEVER;
  }
});
