/** Holds alerts, runbook, dashboards and the operator's page together: nothing names a metric that there is not. */
import { parser } from "@prometheus-io/lezer-promql";
import { expect, test } from "vitest";
import {
  countMetrics,
  countSamples,
  verifyMetrics,
} from "../../apps/recover/src/audit/audit-metrics.ts";
import { auditActions } from "../../packages/recovery/src/audit/chain.ts";
import { faultKinds } from "../../packages/recovery/src/audit/verify.ts";
import { refusalCodes } from "../../packages/recovery/src/refusals.ts";
import { maintainMetrics } from "../../packages/db/src/command/maintain-metrics.ts";
import { runMetrics } from "../../packages/run-metrics/src/record-run.ts";
import { audit, consumer } from "../monitoring/dashboards.ts";
import { generate } from "../monitoring/generate.ts";
import { readText, readYaml } from "./files.ts";

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly runbook: string };
}

const { groups } = readYaml("deploy/monitoring/rules.yaml") as {
  groups: readonly { readonly rules: readonly Alert[] }[];
};
const alerts = groups.flatMap(({ rules }) => rules);
const queries = [consumer, audit].flatMap(({ panels }) =>
  panels.flatMap((panel) =>
    Object.values(panel.queries).map((expr) => ({
      name: `panel ${panel.title}`,
      expr: expr.replaceAll("$__rate_interval", "5m"),
    })),
  ),
);
const expressions = [...queries, ...alerts.map(({ alert, expr }) => ({ name: alert, expr }))];

const sections = readText("docs/operations/monitor.md").split(/^(?=##)/m);
const namesIn = (heading: string): string[] =>
  sections
    .find((each) => each.startsWith(heading))
    ?.match(/(?<=`)(maskline|process|nodejs)_\w+/g) ?? [];
/** What consumers serve: apps/consumer/test/telemetry.test.ts, integration/process.test.ts and integration/workers.test.ts hold it to the tables. */
const served = ["## Metrics", "## Of several workers"].flatMap(namesIn);
const left = [runMetrics, maintainMetrics, countMetrics, verifyMetrics].flatMap((metrics) =>
  Object.values(metrics).map(({ name }) => name),
);
const known = new Set([...served, ...left]);

const commands = ["maintain", "migrate", "recover audit checkpoint", "recover audit verify"];
const labelValues: Readonly<Record<string, readonly string[]>> = {
  action: auditActions,
  code: refusalCodes,
  kind: faultKinds,
  command: commands,
};

interface Read {
  readonly metrics: readonly string[];
  readonly faults: number;
}

function read(expr: string): Read {
  const metrics: string[] = [];
  let faults = 0;
  parser.parse(expr).iterate({
    enter({ type, node }) {
      if (type.isError) faults += 1;
      if (type.name !== "VectorSelector") return;
      const name = node.getChild("Identifier");
      if (name) metrics.push(expr.slice(name.from, name.to));
    },
  });
  return { metrics: metrics.map((name) => name.replace(/_(bucket|sum|count)$/, "")), faults };
}

test.each(expressions)("$name is PromQL, of metrics that there are: $expr", ({ expr }) => {
  const { metrics, faults } = read(expr);

  expect(faults).toBe(0);
  expect(metrics).not.toHaveLength(0);
  expect(metrics.filter((name) => !known.has(name))).toEqual([]);
});

test("the parser tells what is none", () => {
  expect(read("sum(rate(x[5m])").faults).toBeGreaterThan(0);
});

test("every label that an expression asks for can be there", () => {
  const asked = expressions.flatMap(({ expr }) => [...expr.matchAll(/(\w+)(=~?)"([^"]+)"/g)]);

  expect(asked.length).toBeGreaterThan(5);
  for (const [, label = "", operator, value = ""] of asked) {
    const values = labelValues[label] ?? [];
    const alternatives = value.includes(".+") ? [value] : value.split("|");
    for (const each of alternatives) {
      const isThere =
        operator === "=~"
          ? values.some((one) => RegExp(`^${each}$`).test(one))
          : values.includes(each);
      expect({ label, each, isThere }).toEqual({ label, each, isThere: true });
    }
  }
  expect(countSamples([]).map(({ labels }) => labels)).toContainEqual({ code: "forged_approval" });
});

test("every metric is on a panel", () => {
  const shown = new Set(queries.flatMap(({ expr }) => read(expr).metrics));

  expect([...known].filter((name) => !shown.has(name))).toEqual([]);
});

test("the operator's page lists what commands leave, and no other", () => {
  expect(namesIn("## Of commands that end").toSorted()).toEqual(left.toSorted());
  expect(served.length).toBeGreaterThan(30);
});

test("every alert has a severity and a section of the runbook, and no section is left over", () => {
  const headings = readText("docs/runbook.md").match(/(?<=^## ).*/gm);

  expect(headings).toEqual(alerts.map(({ alert }) => alert));
  for (const { alert, labels, annotations } of alerts) {
    expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
    expect(["page", "ticket"]).toContain(labels.severity);
    const [, section] = readText("docs/runbook.md").split(`## ${alert}\n`);
    expect(section).toMatch(
      new RegExp(
        `^\\n\\*\\*Means\\*\\*[^#]*\\(\`${labels.severity}\`\\)[^#]*\\*\\*Look\\*\\*[^]*?\\*\\*Do`,
      ),
    );
  }
});

test("dashboards and the operator's rule are what `pnpm generate:monitoring` writes", async () => {
  for (const [path, text] of await generate()) expect(readText(path)).toBe(text);
});

test("a panel's place is its own, and within Grafana's 24 columns", () => {
  for (const name of ["consumer", "audit"]) {
    const { panels } = JSON.parse(readText(`deploy/monitoring/${name}.json`)) as {
      panels: { id: number; gridPos: { x: number; y: number; w: number } }[];
    };
    expect(new Set(panels.map(({ gridPos: { x, y } }) => `${x} ${y}`)).size).toBe(panels.length);
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  }
});
