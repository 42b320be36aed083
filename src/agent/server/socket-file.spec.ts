import { afterEach, beforeEach, expect, it } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bindPrivately, SocketFile } from "./socket-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-socket-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A server's socket, as far as files go. */
function bound(): SocketFile {
  const socket = new SocketFile(join(folder, "run", "x.sock"));
  writeFileSync(socket.ownPath, "");
  socket.publish();
  return socket;
}

it("a successor takes the path over, and its predecessor leaves it alone", () => {
  const first = bound();
  expect(first.isInPlace()).toBe(true);
  const second = bound();
  expect(first.isInPlace()).toBe(false);
  expect(second.isInPlace()).toBe(true);
  first.remove();
  expect(second.isInPlace()).toBe(true);
  second.remove();
  expect(readdirSync(join(folder, "run"))).toEqual([]);
});

it("makes its folder for root alone", () => {
  bound();
  expect(statSync(join(folder, "run")).mode & 0o777).toBe(0o700);
});

it("bindPrivately() gives the umask back, also after a failure", async () => {
  const before = process.umask();
  const path = join(folder, "private");
  await bindPrivately(() => writeFileSync(path, ""));
  expect(existsSync(path) && statSync(path).mode & 0o777).toBe(0o600);
  await expect(
    bindPrivately(() => {
      throw new Error("taken");
    }),
  ).rejects.toThrow("taken");
  expect(process.umask()).toBe(before);
});
