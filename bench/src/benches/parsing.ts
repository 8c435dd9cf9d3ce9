/** From a body to a login: ours, with all it refuses, beside zod alone. */
import { isCanonicalizable } from "@org/masking";
import { createLoginParser, fieldPolicy } from "@org/schema";
import { z } from "zod";
import { sampleBodies } from "../samples.ts";
import { inProcess, type InProcessBench } from "./in-process.ts";

const schema = z.object({
  user_id: z.string().min(1).max(128),
  app_version: z.string().max(32).nullish(),
  device_type: z.string().min(1).max(32),
  ip: z.string().min(1),
  locale: z.string().max(32).nullish(),
  device_id: z.string().min(1).max(256),
});

export const parsing: InProcessBench = inProcess({
  name: "parsing",
  title: "Parsing: one body to one login",
  unit: "bodies",
  baseline: "safe-parse",
  claims: [],
  async subjects() {
    const bodies = sampleBodies(1_000);
    const compiled = z.compile(schema);
    const parse = createLoginParser({
      accepts: {
        ip: (value) => isCanonicalizable(fieldPolicy.ip.norm, value),
        device_id: (value) => isCanonicalizable(fieldPolicy.device_id.norm, value),
      },
    });
    const each = (times: number, use: (body: string) => void): void => {
      for (let at = 0; at < times; at += 1) use(bodies[at % bodies.length] ?? "");
    };
    return [
      {
        name: "safe-parse",
        label: "JSON.parse and zod's safeParse",
        times: 400_000,
        work: (times) => each(times, (body) => void schema.safeParse(JSON.parse(body))),
      },
      {
        name: "compiled",
        label: "JSON.parse and zod's compiled safeParse",
        times: 400_000,
        work: (times) => each(times, (body) => void compiled.safeParse(JSON.parse(body))),
      },
      {
        name: "ours",
        label: "ours: bounds, duplicate keys, flattening, IP and oddities too",
        times: 400_000,
        work: (times) => each(times, (body) => void parse(body)),
      },
      {
        name: "json",
        label: "JSON.parse alone",
        times: 400_000,
        work: (times) => each(times, (body) => void JSON.parse(body)),
      },
    ];
  },
});
