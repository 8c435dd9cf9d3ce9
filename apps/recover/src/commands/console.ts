/** `recover console`: the console's pages for oneself alone. */

import { once } from "node:events";
import { Command } from "commander";
import { openConsole } from "../console/open-console.ts";
import type { Edge } from "../edge.ts";
import { contractOption, naturalNumber } from "../option-values.ts";

interface Options {
  readonly contract?: string;
  readonly port: number;
}

export function consoleCommand(edge: Edge): Command {
  return new Command("console")
    .description("serve the console's pages for yourself, on this machine")
    .addOption(contractOption())
    .option("--port <n>", "port on 127.0.0.1; 0 takes a free one", naturalNumber, 0)
    .addHelpText(
      "after",
      `
You are whoever RECOVER_SIGNING_KEY and RECOVER_DATABASE_URL make you at this terminal, with the same
duties and limits. It prints an address that opens one session, once, and the next once that was used.
Ctrl-C ends it: what is being answered is answered first.

Where others press a passkey, you tick that you have read the page, and your key signs: an approval is
of the digest that stands beside it, which \`recover list --grant ID\` prints too.
Whoever has the session can press as well, so leave the page to nobody, and use a browser in which
nothing else of this machine is open: a browser gives its cookies to every port of 127.0.0.1.

To open takes the duty witness and RECOVER_PRIVATE_KEYRING, to look up MASKLINE_KEYRING; nothing else
takes these. Where the private keyring is to be with nobody who asks or approves, run apps/console.

Example:
  pnpm recover console`,
    )
    .action((options: Options) => serve(edge, options));
}

async function serve(edge: Edge, options: Options): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  await using _ = await openConsole(edge, {
    ...options,
    offer: (login, address) => edge.stdout.write(`As ${login}, once: ${address}\n`),
  });
  if (!stop.signal.aborted) await once(stop.signal, "abort");
}
