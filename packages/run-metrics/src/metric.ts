/** Metrics in Prometheus' text format, as far as a program that ends needs it: counters and gauges. */

export interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
}

export interface Sample {
  readonly metric: Metric;
  /** Constants of the program, which need no escaping. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export const gauge = (name: string, help: string): Metric => ({ name, type: "gauge", help });

/** @param name - Ends in `_total`, as Prometheus has it. */
export const counter = (name: string, help: string): Metric => ({ name, type: "counter", help });

/** HELP and TYPE of one metric, and below them its samples. */
const family = /^(# HELP (\S+) .*\n# TYPE \2 (?:counter|gauge)\n)((?:\2(?:\{.*\})? \S+\n)*)/gm;
const line = /^(.+) (\S+)$/gm;

interface Family {
  readonly head: string;
  /** Values by name and labels. */
  readonly series: Map<string, string>;
}

/** What stood there, with these samples in the place of their own series; what is not of this form is left out. */
export function replaceSamples(text: string, samples: readonly Sample[]): string {
  const families = new Map<string, Family>();
  for (const [, head = "", name = "", lines = ""] of text.matchAll(family)) {
    const series = [...lines.matchAll(line)].map(
      ([, key = "", value = ""]) => [key, value] as const,
    );
    families.set(name, { head, series: new Map(series) });
  }
  for (const { metric, labels = {}, value } of samples) {
    const { name, type, help } = metric;
    const head = `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    const series = families.get(name)?.series ?? new Map<string, string>();
    families.set(name, { head, series: series.set(`${name}${inBraces(labels)}`, String(value)) });
  }
  return [...families.values()].map(print).join("");
}

function print({ head, series }: Family): string {
  return head + [...series].map(([key, value]) => `${key} ${value}\n`).join("");
}

function inBraces(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
