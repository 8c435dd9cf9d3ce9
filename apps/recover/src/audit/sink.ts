/** Where checkpoints go: outside the database, out of reach of whoever may change it. */

export interface CheckpointSink {
  /**
   * Resolves once the checkpoint would survive a power cut. Never replaces one.
   *
   * @throws {@link RecoverError} (exit 20) if the sink did not accept it.
   */
  put(name: string, text: string): Promise<void>;
  /**
   * Every checkpoint that was ever accepted, also one that somebody tried to replace or delete, as
   * far as the sink can still show it.
   *
   * @throws {@link RecoverError} (exit 20) if the sink cannot be read.
   */
  readAll(): Promise<string[]>;
  /** The one with the greatest name, or null. */
  readNewest(): Promise<{ readonly name: string; readonly text: string } | null>;
}
