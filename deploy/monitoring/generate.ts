/** Writes what follows from dashboards.ts and rules.yaml: `pnpm generate:monitoring`. */

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Dashboard as GrafanaDashboard, Panel as GrafanaPanel } from "@grafana/schema";
import { audit, consumer, type Dashboard, type Panel } from "./dashboards.ts";

const panelsPerRow = 3;
/** Of Grafana's 24 columns, and in units of 30 pixels. */
const size = { w: 24 / panelsPerRow, h: 8 };
const datasource = { type: "prometheus", uid: "${datasource}" };

/** As Grafana imports it, by the types of its own schema. */
function printDashboard({ uid, title, panels }: Dashboard): string {
  const dashboard: GrafanaDashboard = {
    uid,
    title,
    tags: ["maskline"],
    schemaVersion: 39,
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    annotations: { list: [] },
    templating: { list: [{ name: "datasource", type: "datasource", query: "prometheus" }] },
    panels: panels.map(printPanel),
  };
  return `${JSON.stringify(dashboard, null, 1)}\n`;
}

function printPanel({ title, unit, queries }: Panel, index: number): GrafanaPanel {
  return {
    id: index + 1,
    type: "timeseries",
    title,
    datasource,
    gridPos: {
      ...size,
      x: (index % panelsPerRow) * size.w,
      y: Math.floor(index / panelsPerRow) * size.h,
    },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    targets: Object.entries(queries).map(([legendFormat, expr], at) => ({
      refId: String.fromCharCode(65 + at),
      datasource,
      expr,
      legendFormat,
    })),
  };
}

/** Texts by their path in the repository. */
export async function generate(): Promise<ReadonlyMap<string, string>> {
  const rules = await readFile(new URL("rules.yaml", import.meta.url), "utf8");
  return new Map([
    ["deploy/monitoring/consumer.json", printDashboard(consumer)],
    ["deploy/monitoring/audit.json", printDashboard(audit)],
    // A chart reads no file outside of its folder.
    ["deploy/chart/rules.yaml", rules],
  ]);
}

if (import.meta.main) {
  for (const [path, text] of await generate()) {
    await writeFile(fileURLToPath(new URL(`../../${path}`, import.meta.url)), text);
  }
}
