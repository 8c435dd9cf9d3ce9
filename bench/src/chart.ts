/** Charts as SVG, drawn by Vega-Lite from a bench's results. */
import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import type { BenchResult } from "./rounds.ts";
import { summarize } from "./statistics.ts";
import { samples } from "./verdict.ts";

interface Point {
  readonly label: string;
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Null for a bench that a table shows well enough. */
export async function chartOf(result: BenchResult): Promise<string | null> {
  const points = toPoints(result);
  if (points.length === 0) return null;
  if (result.name === "end-to-end") return draw(bars(points, result));
  if (result.name === "scale-rows") return draw(groups(points, "rows present in the month"));
  if (result.name === "scale-processes") return draw(groups(points, "consumer processes"));
  return null;
}

function toPoints(result: BenchResult): Point[] {
  return result.candidates.flatMap(({ name, label }) => {
    const perSecond = samples(result, name);
    return perSecond.length === 0 ? [] : [{ label, ...summarize(perSecond) }];
  });
}

const background = "white";

function bars(points: readonly Point[], { title }: BenchResult): TopLevelSpec {
  return {
    title,
    background,
    width: 520,
    data: { values: [...points] },
    encoding: {
      y: { field: "label", type: "nominal", sort: null, title: null, axis: { labelLimit: 320 } },
    },
    layer: [
      {
        mark: "bar",
        encoding: {
          x: {
            field: "median",
            type: "quantitative",
            title: "messages/s; line: lowest to highest",
          },
        },
      },
      {
        mark: { type: "rule", size: 2 },
        encoding: { x: { field: "low", type: "quantitative" }, x2: { field: "high" } },
      },
    ],
  };
}

/** Labels of the form `SERIES, PLACE`. */
function groups(points: readonly Point[], title: string): TopLevelSpec {
  const values = points.map((point) => {
    const [series = "", place = ""] = point.label.split(", ");
    return { ...point, series, place };
  });
  const x = {
    field: "place",
    type: "nominal",
    sort: null,
    title,
    axis: { labelAngle: 0 },
  } as const;
  const xOffset = { field: "series", type: "nominal", sort: null } as const;
  return {
    background,
    width: 420,
    height: 240,
    data: { values },
    encoding: { x, xOffset },
    layer: [
      {
        mark: "bar",
        encoding: {
          y: {
            field: "median",
            type: "quantitative",
            title: "messages/s; line: lowest to highest",
          },
          color: { field: "series", type: "nominal", sort: null, title: null },
        },
      },
      {
        mark: { type: "rule", size: 2 },
        encoding: { y: { field: "low", type: "quantitative" }, y2: { field: "high" } },
      },
    ],
  };
}

async function draw(spec: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  return `${await view.toSVG()}\n`;
}
