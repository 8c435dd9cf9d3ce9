/** From a body to a login: ours, with all it refuses, beside zod alone. */
import { createParser } from "@org/schema";
import { z } from "zod";
import { loginSchema } from "../contenders/login-schema.ts";
import { contract, sampleBodies } from "../samples.ts";
import { inProcess, type InProcessBench } from "./in-process.ts";

export const parsing: InProcessBench = inProcess({
  name: "parsing",
  title: "Parsing: one body to one message",
  unit: "bodies",
  baseline: "safe-parse",
  claims: [],
  async subjects() {
    const bodies = sampleBodies(1_000);
    const compiled = z.compile(loginSchema);
    const parse = createParser(contract);
    const each = (times: number, use: (body: string) => void): void => {
      for (let at = 0; at < times; at += 1) use(bodies[at % bodies.length] ?? "");
    };
    return [
      {
        name: "safe-parse",
        label: "JSON.parse and zod's safeParse",
        times: 400_000,
        work: (times) => each(times, (body) => void loginSchema.safeParse(JSON.parse(body))),
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
