/** Those who erase and audit, with the commands of `recover` that they type. */
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hire } from "demo/cast";
import { UnexpectedEnd } from "demo/person";
import type { DrillDatabase, Ground } from "./ground.ts";

export interface Staff {
  /** A custodian asks, an approver approves, the custodian erases. */
  readonly erase: (records: readonly string[]) => Promise<void>;
  /** The records of today's erasures. */
  readonly listErasures: () => Promise<string[]>;
  /** Null if the chain is whole. */
  readonly verifyAudit: () => Promise<AuditFault | null>;
  /** A new place, with the old one's checkpoints of the first `rows`; resolves with how many these are. */
  readonly moveCheckpoints: (rows: number) => Promise<number>;
}

export interface AuditFault {
  readonly kind: string;
  readonly seq: number | null;
}

const reason = ["--purpose", "drill", "--ticket", "DR-1", "--justification", "drill"];

export async function hireStaff(
  { directory, keyrings, consumerEnv }: Ground,
  { adminUrl, writerUrl }: DrillDatabase,
): Promise<Staff> {
  const office = {
    adminUrl,
    consumerEnv: consumerEnv(writerUrl),
    directory,
    privateKeyringFile: keyrings.privatePath,
  };
  const { carla, adam, otto } = await hire(office, () => {});
  const today = new Date().toISOString().slice(0, 10);
  return {
    async erase(records) {
      const asked = await carla.type(["request", "erase", "--record", ...records, ...reason], {
        exitCode: 0,
      });
      const grant = /recover approve ([0-9a-f-]{36})/.exec(asked.stdout)?.[1] ?? "";
      await adam.type(["approve", grant], { exitCode: 0 });
      await carla.type(["erase", "--grant", grant], { exitCode: 0 });
    },
    async listErasures() {
      const { stdout } = await otto.type(["erasure", "list", "--since", today], { exitCode: 0 });
      const lines = stdout.split("\n").filter((line) => line !== "");
      return lines.map((line) => (JSON.parse(line) as { record: string }).record);
    },
    async verifyAudit() {
      const command = ["audit", "verify", "--json"];
      const { stdout } = await otto.type(command, { exitCode: 0 }).catch((error: unknown) => {
        if (!(error instanceof UnexpectedEnd)) throw error;
        return otto.type(command, { exitCode: 30 });
      });
      const verified = JSON.parse(stdout) as AuditFault & { sound: boolean };
      return verified.sound ? null : verified;
    },
    moveCheckpoints: (rows) => moveCheckpoints(directory, rows),
  };
}

async function moveCheckpoints(directory: string, rows: number): Promise<number> {
  const [from, to] = [join(directory, "checkpoints"), join(directory, "checkpoints-2")];
  await mkdir(to, { mode: 0o700 });
  // A checkpoint's name begins with how many rows it covers.
  const names = (await readdir(from)).filter((name) => Number(name.split("-")[0]) <= rows);
  for (const name of names) await copyFile(join(from, name), join(to, name));
  const file = join(directory, "recover.keyring.json");
  const keyring = JSON.parse(await readFile(file, "utf8")) as { sinks: string[] };
  await writeFile(file, `${JSON.stringify({ ...keyring, sinks: [to] })}\n`);
  return names.length;
}
