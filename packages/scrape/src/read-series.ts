/** One answer of a consumer, in Prometheus' text format. */

/** Values by name and labels, as they stand in the text. */
export type Series = ReadonlyMap<string, number>;

const charactersAtMost = 1_048_576;
const seriesAtMost = 2_000;

/**
 * @param names - The metrics that are wanted: of anything else nothing is kept.
 * @throws if nobody answers, or not in time, with too much, or by another address.
 */
export async function readSeries(
  url: string,
  names: ReadonlySet<string>,
  answerMs: number,
): Promise<Series> {
  const form = new RegExp(String.raw`^((?:${[...names].join("|")})(?:\{.*\})?) (\S+)`, "gm");
  const series = [...(await readText(url, answerMs)).matchAll(form)]
    .slice(0, seriesAtMost)
    .map(([, name = "", value]) => [name, Number(value)] as const);
  // What is not known is NaN.
  return new Map(series.filter(([, value]) => value >= 0 && value <= Number.MAX_SAFE_INTEGER));
}

async function readText(url: string, answerMs: number): Promise<string> {
  const signal = AbortSignal.timeout(answerMs);
  const { ok, body } = await fetch(url, { redirect: "error", signal });
  let text = "";
  for await (const part of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += part;
    if (!ok || text.length > charactersAtMost) throw new RangeError("This is no answer.");
  }
  return text;
}
