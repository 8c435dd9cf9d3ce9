import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { modeFault, readKeyFile } from "../../src/node/key-file.ts";

const root = 0;
const own = 1000;
const somebody = 1001;

const readable = expect.stringContaining("readable by group or others");
const writable = expect.stringContaining("writable by group or others");

test.each([0o600, 0o400])("mode %o is its owner's alone", (mode) => {
  expect(modeFault({ mode, uid: own }, true, own)).toBeNull();
  expect(modeFault({ mode, uid: root }, true, root)).toBeNull();
});

test.each([0o640, 0o440])("mode %o gives a group what is root's, and nobody else's", (mode) => {
  expect(modeFault({ mode, uid: root }, true, own)).toBeNull();
  expect(modeFault({ mode, uid: own }, true, own)).toEqual(readable);
  expect(modeFault({ mode, uid: somebody }, true, own)).toEqual(readable);
  expect(modeFault({ mode, uid: root }, true, root)).toEqual(readable);
});

test.each([0o650, 0o604, 0o601, 0o444, 0o644])(
  "mode %o is for public keys alone, whoever owns the file",
  (mode) => {
    for (const uid of [root, own, somebody]) {
      expect(modeFault({ mode, uid }, true, own)).toEqual(readable);
      expect(modeFault({ mode, uid }, false, own)).toBeNull();
    }
  },
);

test.each([0o660, 0o620, 0o602, 0o664, 0o666])(
  "mode %o lets others change a public key, too, whoever owns the file",
  (mode) => {
    for (const uid of [root, own, somebody]) {
      expect(modeFault({ mode, uid }, true, own)).toEqual(readable);
      expect(modeFault({ mode, uid }, false, own)).toEqual(writable);
    }
  },
);

test("reads what nobody else could have changed", async () => {
  const path = join(await mkdtemp(join(tmpdir(), "key-file-")), "key.pem");
  onTestFinished(() => rm(dirname(path), { recursive: true }));
  await writeFile(path, "text", { mode: 0o644 });
  await expect(readKeyFile(path, { secret: false })).resolves.toBe("text");
  await expect(readKeyFile(path, { secret: true })).rejects.toMatchObject({
    code: "ERR_MASKING_KEY_INVALID",
    message: readable,
  });
  await chmod(path, 0o666);
  await expect(readKeyFile(path, { secret: false })).rejects.toMatchObject({ message: writable });
  await expect(readKeyFile(`${path}.gone`, { secret: false })).rejects.toMatchObject({
    message: "The file cannot be read (ENOENT).",
  });
});
