/** Answers that SQS does not give: with pieces gone, of another kind, of no date, or without an end. */
import type { FaultDefinition } from "../scene.ts";
import { failInTurn, untilReceived } from "./fail-in-turn.ts";
import type { Ways } from "./fail-in-turn.ts";

/** Ten bodies of 1 MiB, each of its bytes escaped, come to no more. */
const endlessBytes = 64 * 1024 * 1024;

type Piece = Readonly<Record<string, unknown>>;

const changed =
  (changes: Piece) =>
  (message: Piece): Piece => ({ ...message, ...changes });

const attributed =
  (changes: Piece) =>
  (message: Piece): Piece => ({
    ...message,
    Attributes: { ...(message["Attributes"] as Piece), ...changes },
  });

/** In place of a message; JSON leaves out what is undefined. */
const messages: readonly ((message: Piece) => unknown)[] = [
  () => null,
  () => 5,
  ...["MessageId", "ReceiptHandle", "Body", "MD5OfBody", "Attributes"].flatMap((name) => [
    changed({ [name]: undefined }),
    changed({ [name]: 7 }),
  ]),
  changed({ MD5OfBody: "0".repeat(32) }),
  changed({ Attributes: "SentTimestamp" }),
  // The years 10000 and 0.
  ...[undefined, "253402300800000", "-62167219200000", "soon", "1e999", {}].map((SentTimestamp) =>
    attributed({ SentTimestamp }),
  ),
  // What these say is nothing that a row depends on.
  attributed({ ApproximateReceiveCount: "often", AWSTraceHeader: { Root: 7 } }),
  changed({ MessageAttributes: "ExtendedPayloadSize" }),
  changed({ MessageAttributes: [null] }),
];

const answers: Readonly<Record<string, (answer: Piece) => unknown>> = {
  nothing: () => null,
  text: () => "done",
  listsOfAnotherKind: () => ({ Messages: "none", Successful: { Id: "0" }, Failed: 7 }),
  withoutAnEnd: (answer) => ({ ...answer, Padding: "x".repeat(endlessBytes) }),
};

/** Of deletes. */
const batches: typeof answers = {
  ...answers,
  strangers: () => ({ Successful: [{ Id: "99" }, { Id: 0 }, null, 7], Failed: [{}, null] }),
  bothDoneAndFailed: ({ Successful: done }) => ({ Successful: done, Failed: done }),
};

function altered(alter: (answer: Piece) => unknown): Ways[string] {
  return () => ({ kind: "altered", alter: (answer) => alter(answer as Piece) });
}

function byName(ways: typeof answers): Ways {
  return Object.fromEntries(Object.entries(ways).map(([name, alter]) => [name, altered(alter)]));
}

const enoughEach = 12;

export const answersOdd: FaultDefinition = {
  name: "answers_odd",
  what: "answers lack pieces, or hold other kinds, impossible dates, wrong MD5s, 64 MiB",
  enough: 2 * enoughEach,
  needsHostileServer: true,
  async strike(scene) {
    let turn = 0;
    /** Every other message is odd, each in the next way. */
    const oddMessages = altered(({ Messages: received }) => ({
      Messages: (received as readonly Piece[]).map((message, at) =>
        at % 2 === 0 ? messages[turn++ % messages.length]?.(message) : message,
      ),
    }));
    await untilReceived(scene);
    await failInTurn(scene, {
      operation: "ReceiveMessage",
      ways: { ...byName(answers), oddMessages },
      enough: enoughEach,
    });
    await scene.until("a message came in each odd form", () => turn >= messages.length);
    await failInTurn(scene, {
      operation: "DeleteMessageBatch",
      ways: byName(batches),
      enough: enoughEach,
    });
  },
};
