// Measures one subject for the process that forked this one: BENCH SUBJECT TIMES.
import { type InProcessBench, measureHere } from "./in-process.ts";
import { masking } from "./masking.ts";
import { parsing } from "./parsing.ts";
import { sealing } from "./sealing.ts";

const benches: readonly InProcessBench[] = [masking, parsing, sealing];
const [benchName, subject = "", times] = process.argv.slice(2);
const bench = benches.find(({ name }) => name === benchName);
if (bench) process.send?.(await measureHere(bench, subject, Number(times)));
process.disconnect();
