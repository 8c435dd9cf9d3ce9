import { exit, RecoverError } from "../exit.ts";
import { isUrl, type RecoverKeyring } from "../signing/recover-keyring.ts";
import { openFileSink } from "./file-sink.ts";
import type { CheckpointSink } from "./sink.ts";

/**
 * Where the recover keyring has checkpoints go, all of them.
 *
 * @throws {@link RecoverError} (exit 2) if it names none.
 */
export async function openSinks({
  sinks,
}: Pick<RecoverKeyring, "sinks">): Promise<readonly CheckpointSink[]> {
  if (sinks.length > 0) return Promise.all(sinks.map(openSink));
  throw new RecoverError(
    exit.configuration,
    "The recover keyring names no place for checkpoints.",
    { advice: 'Put a directory, or s3://BUCKET/PREFIX, among its "sinks", under review.' },
  );
}

/**
 * A directory, or a bucket with object lock.
 *
 * @throws {@link RecoverError} (exit 2) if it is neither.
 */
async function openSink(location: string): Promise<CheckpointSink> {
  if (!isUrl(location)) return openFileSink(location);
  // Not loaded where nobody needs it: the SDK takes as long to start as all the rest.
  const { openS3Sink, parseS3Location } = await import("./s3-sink.ts");
  const bucket = parseS3Location(location);
  if (bucket !== null) return openS3Sink(bucket);
  throw new RecoverError(exit.configuration, "A place for checkpoints is not usable.", {
    advice:
      "In the recover keyring: a directory, or s3://BUCKET/PREFIX, with ?retainDays=N if it is not 400, and endpoint=https://… if it is not AWS's.",
  });
}
