import { exit, RecoverError } from "../exit.ts";
import { isUrl } from "../signing/recover-keyring.ts";
import { openFileSink } from "./file-sink.ts";
import type { CheckpointSink } from "./sink.ts";

/**
 * A directory, or a bucket with object lock.
 *
 * @throws {@link RecoverError} (exit 2) if it is neither.
 */
export async function openSink(location: string): Promise<CheckpointSink> {
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
