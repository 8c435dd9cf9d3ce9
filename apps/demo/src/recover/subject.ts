/** Whom the walk asks for: somebody with several messages among the samples. */
import { type AnyContract, createParser, type SampleMessage, subjectOf } from "@org/schema";

export interface Subject {
  /** As the messages say it. */
  readonly value: string;
  /** Another subject, whom nobody asks for. */
  readonly stranger: string;
  readonly messageIds: readonly string[];
  /** What is in the first of these messages, by masked field. */
  readonly originals: Readonly<Record<string, string>>;
}

/** @param messageIds - Of each sample, in the same order. */
export function chooseSubject(
  contract: AnyContract,
  samples: readonly SampleMessage[],
  messageIds: readonly string[],
): Subject {
  const parse = createParser(contract);
  const sent = samples.flatMap(({ body }, at) => {
    const parsed = parse(body);
    return parsed.kind === "message" ? [{ message: parsed.message, id: messageIds[at] ?? "" }] : [];
  });
  const bySubject = Map.groupBy(sent, ({ message }) => subjectOf(contract, message));
  const [most, stranger] = [...bySubject].toSorted(
    ([, left], [, right]) => right.length - left.length,
  );
  if (!most || !stranger) throw new TypeError("There are no two subjects to choose from.");
  const [value, messages] = most;
  const masked = contract.fields.filter(({ isMasked }) => isMasked);
  const originals = masked.flatMap(({ name }): [string, string][] => {
    const original = messages[0]?.message[name];
    return typeof original === "string" ? [[name, original]] : [];
  });
  return {
    value,
    stranger: stranger[0],
    messageIds: messages.map(({ id }) => id),
    originals: Object.fromEntries(originals),
  };
}
