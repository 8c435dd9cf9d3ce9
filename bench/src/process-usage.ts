/** CPU time and peak memory of other processes, from Linux's /proc (proc(5)). */
import { readdir, readFile } from "node:fs/promises";

/** USER_HZ: the kernel reports CPU time in hundredths of a second on every architecture that Node runs on. */
const microsPerTick = 10_000;

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** Its own time, and that of its children that have ended. */
  readonly cpuMicros: number;
}

/** CPU time of a process and of all below it, ended ones included. */
export async function cpuMicrosOf(root: number): Promise<number> {
  return (await treeOf(root)).reduce((sum, { cpuMicros }) => sum + cpuMicros, 0);
}

/** The highest resident sizes that a process and all below it have had, in megabytes, added up. */
export async function peakRssOf(root: number): Promise<number> {
  const sizes = await Promise.all((await treeOf(root)).map(({ pid }) => peakOf(pid)));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** A process and all below it that run. */
async function treeOf(root: number): Promise<readonly ProcessStat[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const stats = (await Promise.all(pids.map(readStat))).filter((stat) => stat !== null);
  const tree = new Set([root]);
  // A child's pid may be below its parent's once pids have wrapped: look until nothing is added.
  for (let size = 0; size < tree.size;) {
    size = tree.size;
    for (const { pid, parent } of stats) if (tree.has(parent)) tree.add(pid);
  }
  return stats.filter(({ pid }) => tree.has(pid));
}

/** 0 for a process that has ended meanwhile. */
async function peakOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
}

/** Null for a process that has ended meanwhile. */
async function readStat(pid: string): Promise<ProcessStat | null> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  if (text === null) return null;
  // The second field is the command in brackets, and may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number);
  return {
    pid: Number(pid),
    parent: Number(fields[1]),
    cpuMicros: ((utime ?? 0) + (stime ?? 0) + (cutime ?? 0) + (cstime ?? 0)) * microsPerTick,
  };
}
