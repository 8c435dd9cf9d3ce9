/** `pnpm seed`: sends sample messages to the local queue that SQS_QUEUE_URL names. */
import { parseArgs } from "node:util";
import { chooseContract, openQueueAdmin } from "@org/local";
import { ContractError, sampleMessages } from "@org/schema";

const exit = { done: 0, failed: 1, usage: 2 } as const;

const usage = `Usage: pnpm seed [--messages N] [--seed N] [--contract PATH]

Sends sample messages, 1 in 100 of another shape, to the local queue that
SQS_QUEUE_URL names (at AWS_ENDPOINT_URL_SQS, where that is set). It signs with made-up
credentials: a queue at AWS refuses it.

  --messages N  how many (default 1000)
  --seed N      which ones: the same seed sends the same messages (default 1)
  --contract C  whose messages: a name of a shipped contract, or the path of one
                (default MASKLINE_CONTRACT, else login)
  --help        show this

Exit codes: 0 done; 1 the queue did not take them; 2 usage or configuration.
`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const queueUrl = process.env["SQS_QUEUE_URL"] ?? "";
  const options = readOptions(args);
  if (options?.help) {
    process.stdout.write(usage);
    return exit.done;
  }
  if (options === null || !URL.canParse(queueUrl)) {
    const fault = options ? "SQS_QUEUE_URL is not set to a URL." : "The arguments are not usable.";
    process.stderr.write(`${fault}\n\n${usage}`);
    return exit.usage;
  }
  try {
    return await send(queueUrl, options);
  } catch (error) {
    if (!(error instanceof ContractError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return exit.usage;
  }
}

interface Options {
  readonly count: number;
  readonly seed: number;
  readonly contract: string;
  readonly help: boolean;
}

function readOptions(args: readonly string[]): Options | null {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        messages: { type: "string", default: "1000" },
        seed: { type: "string", default: "1" },
        contract: { type: "string", default: process.env["MASKLINE_CONTRACT"] || "login" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const { messages, seed, ...rest } = values;
    const areWhole = [messages, seed].every((text) => /^\d{1,7}$/.test(text));
    return areWhole ? { count: Number(messages), seed: Number(seed), ...rest } : null;
  } catch {
    return null;
  }
}

async function send(queueUrl: string, options: Options): Promise<number> {
  const { contract } = await chooseContract(options.contract);
  const messages = sampleMessages(contract, options);
  const admin = openQueueAdmin(process.env["AWS_ENDPOINT_URL_SQS"] || new URL(queueUrl).origin);
  try {
    await admin.send(
      queueUrl,
      messages.map(({ body }) => body),
    );
  } catch (error) {
    const name = error instanceof Error ? error.name : "unknown";
    process.stderr.write(`The queue that SQS_QUEUE_URL names did not take them (${name}).\n`);
    return exit.failed;
  } finally {
    admin.close();
  }
  const { length: sent } = messages;
  const wrong = messages.filter(({ kind }) => kind === "wrong_shape").length;
  process.stdout.write(
    `Sent ${sent} messages: ${sent - wrong} of the contract "${contract.name}", ${wrong} of another shape.\n`,
  );
  return exit.done;
}
