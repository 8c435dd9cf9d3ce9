/**
 * `pnpm exercise`: adds two fields to the login in a copy of this tree, and follows messages of the
 * old and the new shape through everything that is done with them. Then shows that it would notice
 * a derived place that forgot one of the fields.
 */
import { startPostgres, startQueueServer } from "@org/local";
import { mutants, type Mutant } from "./edits.ts";
import { allSteps, exercise, stepsTo } from "./exercise.ts";
import { openStage, type Servers } from "./stage.ts";

const say = (text: string): void => void process.stdout.write(`${text}\n`);

process.exitCode = await main();

async function main(): Promise<number> {
  await using postgres = await startPostgres({ settings: { fsync: "off" } });
  await using queueServer = await startQueueServer();
  const servers = { postgres, queueServer };
  if (!(await isAsItShouldBe(servers))) return 1;
  const runs = Object.entries(mutants).map(([name, mutant]) => isNoticed(servers, name, mutant));
  const ended = await Promise.allSettled(runs);
  for (const run of ended) if (run.status === "rejected") throw run.reason;
  return ended.every((run) => run.status === "fulfilled" && run.value) ? 0 : 1;
}

async function isAsItShouldBe(servers: Servers): Promise<boolean> {
  await using stage = await openStage(servers);
  const wrong = await exercise(stage, allSteps, (step) => say(`  ${step}`));
  say(wrong ? `failed: ${wrong.fault.stack}` : "ok: every outcome is right for old and new rows");
  return wrong === null;
}

async function isNoticed(servers: Servers, name: string, mutant: Mutant): Promise<boolean> {
  await using stage = await openStage(servers, mutant);
  const wrong = await exercise(stage, stepsTo(mutant.noticedBy));
  const isNoticed = wrong?.step === mutant.noticedBy;
  say(
    isNoticed
      ? `ok: it is noticed that ${name}`
      : `failed: ${name}, and what was noticed is: ${wrong?.fault.stack}`,
  );
  return isNoticed;
}
