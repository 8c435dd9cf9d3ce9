/** Makes a mutant: rewrites one source text as Node loads it. The files stay as they are. */
import { registerHooks } from "node:module";

export interface Patch {
  /** The end of the file's URL. */
  readonly file: string;
  readonly replace: string;
  readonly by: string;
}

/** Throws, so that the consumer does not start, where the text is not in the file exactly once. */
export function patch({ file, replace, by }: Patch): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.endsWith(file)) return loaded;
      const parts = Buffer.from(loaded.source as Uint8Array)
        .toString()
        .split(replace);
      if (parts.length !== 2) throw new Error(`The mutant does not fit ${file}.`);
      return { ...loaded, source: parts.join(by) };
    },
  });
}
