/** What a user of zod would write of the login. */
import { z } from "zod";

export const loginSchema = z.object({
  user_id: z.string().min(1).max(128),
  app_version: z.string().max(32).nullish(),
  device_type: z.string().min(1).max(32),
  ip: z.string().min(1),
  locale: z.string().max(32).nullish(),
  device_id: z.string().min(1).max(256),
});
