import { inspect } from "node:util";

import { DatabaseError } from "@org/db/writer";
import type { WriteBatch } from "@org/db/writer";
import { createCanaries, spelledValues } from "@org/faults/canaries";
import { spellingsOf } from "@org/faults/scan";
import { createTokenizer } from "@org/masking";
import type { NormId } from "@org/masking";
import { generateKeyring, resolveKeyring } from "@org/masking/keyring";
import { openSealer } from "@org/masking/seal";
import { createParser, createSubjectTag, createToRow, tagFields } from "@org/schema";
import type { AnyContract } from "@org/schema";
import { generatedBodies } from "@org/schema/hostile-bodies";
import type { HostileBody } from "@org/schema/hostile-bodies";
import { testContracts } from "@org/schema/test-contracts";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { pino } from "pino";
import { describe, expect, test } from "vitest";

import { createStartTrace } from "../src/batch-trace.ts";
import { createCarry } from "../src/carry.ts";
import type { Held } from "../src/model.ts";
import { createTelemetry } from "../src/telemetry.ts";
import { createHeld } from "./held.ts";
import { openWrite } from "./stages/writes.ts";

const { signal: giveUp } = new AbortController();
const keyring = await resolveKeyring(generateKeyring().keyring, { env: {} });
const tenant = "default";

function heldOf({ body, attributeNames = [] }: HostileBody, at: number): Held {
  const held = createHeld(at);
  return { ...held, envelope: { ...held.envelope, body, attributeNames } };
}

/** Everything that leaves the stages between a queue and a database; the database refuses one row. */
async function carryAll(
  contract: AnyContract,
  bodies: readonly HostileBody[],
): Promise<Readonly<Record<string, string>>> {
  const lines: string[] = [];
  const log = pino({ level: "trace" }, { write: (line: string) => void lines.push(line) });
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const meter = new MeterProvider({ readers: [exporter] }).getMeter("maskline");
  const { reasons, oddities } = contract;
  const telemetry = createTelemetry(meter, log, {
    labels: {
      reasons,
      oddities,
      damages: [],
      failures: { receive: [], renew: [], depth: [], maintain: [], write: [] },
    },
    build: { version: "1.2.3", contract: contract.name },
  });
  const spans = new InMemorySpanExporter();
  const tracing = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter: spans })],
  });
  const fields: Readonly<Record<string, NormId>> = {
    ...contract.tokenFields,
    ...tagFields(contract),
  };
  const tokenizer = createTokenizer(keyring, { tenant, fields });
  const sealer = openSealer(keyring, { tenant, vault: "on" });
  const batches: WriteBatch[] = [];
  const write = openWrite(
    {
      async write(batch) {
        batches.push(batch);
        if (batch.rows.some(({ messageId }) => messageId.endsWith("010"))) throw refused;
        return { written: batch.rows.length, quarantined: batch.quarantined.length, duplicates: 0 };
      },
      probe: async () => {},
    },
    { events: telemetry.write },
  );
  for (const [unwrap, some] of Map.groupBy(bodies, (body) => body.unwrap)) {
    const policy = unwrap && { unwrap };
    const carry = createCarry(
      {
        parse: createParser(contract, policy),
        toRow: createToRow(contract, tokenizer),
        tag: createSubjectTag(contract, tokenizer, policy),
        write,
        openBatch: sealer && (() => sealer.openBatch()),
      },
      telemetry.carry,
    );
    const held = some.map(heldOf);
    const trace = createStartTrace(tracing.getTracer("test"))(held);
    const outcome = await carry(held, { giveUp, trace });
    trace.end();
    expect(outcome.durable).toHaveLength(some.length);
  }
  const { resourceMetrics } = await exporter.collect();
  await tracing.forceFlush();
  return {
    log: lines.join(""),
    metrics: new PrometheusSerializer().serialize(resourceMetrics),
    spans: inspect(spans.getFinishedSpans(), { depth: 8, maxStringLength: null }),
    written: JSON.stringify(batches, (_, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    ),
  };
}

const refused = new DatabaseError("The database refuses a row.", {
  kind: "data",
  sqlState: "23514",
  constraint: "refused",
  systemCode: null,
});

describe.each(testContracts)("hostile bodies of $name", (contract: AnyContract) => {
  test("leave no masked value in what is written, logged, counted or traced", async () => {
    const canaries = createCanaries(contract);
    const values = spelledValues(canaries);
    const bodies = generatedBodies(contract, { count: 200, seed: 3, values });
    const spellings = canaries.marks.flatMap((mark, at) => spellingsOf(mark, at));
    const found = (text: string): string[] =>
      spellings.flatMap(({ bytes, mark, name }) =>
        Buffer.from(text).includes(bytes) ? `${mark} ${name}` : [],
      );
    expect(found(bodies.map(({ body }) => body).join("\n"))).not.toEqual([]);
    for (const [where, text] of Object.entries(await carryAll(contract, bodies))) {
      expect({ where, isEmpty: text === "", found: found(text) }).toEqual({
        where,
        isEmpty: false,
        found: [],
      });
    }
  });
});
