/** Throughput, lag, reasons, breakers: the last hour, as the consumers tell it. */

import { type Pipeline, scrapesAnHour } from "@org/scrape";
import { html } from "hono/html";
import { answer } from "../answer.ts";
import type { App, ConsolePorts } from "../ports.ts";
import type { Html } from "./forms.ts";
import { table } from "./layout.ts";

export function servePipeline(app: App, { pipeline }: ConsolePorts): void {
  app.get("/pipeline", (c) => answer(c, { title: "Pipeline", body: lastHour(pipeline) }));
}

function lastHour(pipeline: Pipeline | null): Html {
  if (pipeline === null) return html`<p>Whoever runs the console has to set CONSOLE_CONSUMERS.</p>`;
  const rows = pipeline.figures.flatMap(({ name, label }, at) => {
    const values = pipeline.hour.map((scrape) => scrape[at] ?? null);
    const most = Math.max(0, ...values.map(Number));
    const highest = inWords(most || values.find((value) => value !== null));
    const row = [name, inWords(values.at(-1)), highest, chart(name, values, most)];
    return label !== undefined && most === 0 ? [] : [row];
  });
  return html`${pipeline.silent.map((each) => html`<p role="status">No answer from <code>${each}</code></p>`)}
  ${table("All consumers together", ["Figure", "Now", "Most", "The last hour"], rows)}`;
}

const inWords = (value: number | null = null): string =>
  value?.toLocaleString("en", { maximumSignificantDigits: 3 }) ?? "not known";

/** The newest at the right; a gap where nobody told. */
function chart(name: string, values: readonly (number | null)[], most: number): Html {
  const path = values.map((value, at) => {
    if (value === null) return "";
    const x = scrapesAnHour - values.length + at;
    const y = (29 - (28 * value) / (most || 1)).toFixed(1);
    return (values[at - 1] ?? null) === null ? `M${x} ${y}h0` : `L${x} ${y}`;
  });
  return html`<svg role="img" width="100%" viewBox="0 0 ${scrapesAnHour} 30">
    <title>${name}, from 0 to ${inWords(most)}</title>
    <path d="${path.join("")}" fill="none" stroke="#3b7dd8" vector-effect="non-scaling-stroke" />
  </svg>`;
}
