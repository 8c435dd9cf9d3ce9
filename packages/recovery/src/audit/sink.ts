/** Where checkpoints go: outside the database, out of reach of whoever may change it. */

export interface StoredCheckpoint {
  readonly name: string;
  /** Empty where what stands under the name is too long to be one, or is no file. */
  readonly text: string;
}

export interface CheckpointSink {
  /**
   * Resolves once the checkpoint would survive a power cut. Never replaces one.
   *
   * @throws {@link RecoverError} (exit 20) if the sink did not accept it.
   */
  readonly put: (checkpoint: StoredCheckpoint) => Promise<void>;
  /**
   * Every checkpoint that was ever accepted, also one that somebody tried to replace or delete, as
   * far as the sink can still show it: from the greatest name down, as far as the caller reads.
   *
   * @throws {@link RecoverError} (exit 20) if the sink cannot be read.
   */
  readonly read: () => AsyncIterable<StoredCheckpoint>;
}

/** All that stand in these places. */
export async function readCheckpoints(
  sinks: readonly Pick<CheckpointSink, "read">[],
): Promise<StoredCheckpoint[]> {
  const found: StoredCheckpoint[] = [];
  for (const sink of sinks) {
    for await (const stored of sink.read()) found.push(stored);
  }
  return found;
}

/** What is longer is no checkpoint, and is not read. */
export const checkpointBytesAtMost = 1024;
