/** Fields of a form, held to the form that they take; a fault names the field, never the value. */

import { isToken } from "@org/masking";
import { refusal } from "@org/recovery";
import { z } from "zod";

/** The form's fields by name; of a field that may be given more than once, all. */
export function readForm<Shape extends z.ZodRawShape>(
  form: URLSearchParams,
  schema: z.ZodObject<Shape>,
): z.output<z.ZodObject<Shape>> {
  const given = Object.entries(schema.shape).map(([name, field]) => {
    const all = form.getAll(name);
    return [name, field instanceof z.ZodArray ? all : (all[0] ?? "")] as const;
  });
  return schema.parse(Object.fromEntries(given));
}

export const uuid: z.ZodType<string, string> = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);

/** @throws RecoverError (exit 4): whatever it is, it is no grant. */
export function grantId(given: string | undefined): string {
  const { success, data } = uuid.safeParse(given);
  if (success) return data;
  throw refusal("no_such_grant");
}

/** One a line, or between spaces or commas; each once. */
export function uuidList(atMost: number): z.ZodType<readonly string[], string> {
  return z
    .string()
    .transform((text) => [...new Set(text.split(/[\s,]+/).filter((part) => part !== ""))])
    .pipe(z.array(uuid).max(atMost));
}

export const token: z.ZodType<string, string> = z.string().trim().refine(isToken);

export const purpose: z.ZodType<string, string> = z.string().regex(/^[a-z0-9][a-z0-9_-]{1,63}$/);

/** Whole text as it was typed: a value may begin or end with a space. */
export function textUpTo(most: number): z.ZodType<string, string> {
  return z.string().min(1).max(most);
}

/** As a browser writes a local time; here it means UTC. */
export const utcTime: z.ZodType<string, string> = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/)
  .transform((text) => new Date(`${text}Z`))
  .refine((time) => !Number.isNaN(time.getTime()))
  .transform((time) => time.toISOString());

export const day: z.ZodType<string, string> = z.iso.date();

export function wholeUpTo(most: number): z.ZodType<number, string> {
  return z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.number().min(1).max(most));
}
