import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeIfChanged } from "./write-if-changed.ts";

describe("writeIfChanged()", () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tke-install-"));
    path = join(folder, "net.d", "10-tke-route-eni.conflist");
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it("makes the file and its folder, and leaves nothing beside it", () => {
    expect(writeIfChanged(path, "{}\n", 0o600)).toBe(true);
    expect(readFileSync(path, "utf8")).toBe("{}\n");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder, "net.d"))).toEqual(["10-tke-route-eni.conflist"]);
  });

  it("leaves a file alone that holds the content already", () => {
    writeIfChanged(path, "{}\n", 0o600);
    const before = statSync(path, { bigint: true });
    expect(writeIfChanged(path, "{}\n", 0o600)).toBe(false);
    const after = statSync(path, { bigint: true });
    expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs]);
  });

  it("puts a new file in the place of one that differs, which those who read it go on reading", () => {
    writeIfChanged(path, "old", 0o600);
    const { ino } = statSync(path);
    expect(writeIfChanged(path, "new", 0o600)).toBe(true);
    expect(readFileSync(path, "utf8")).toBe("new");
    expect(statSync(path).ino).not.toBe(ino);
  });

  it("says so when it cannot write, and leaves no half file", () => {
    mkdirSync(path, { recursive: true });
    expect(() => writeIfChanged(path, "{}\n", 0o600)).toThrow("EISDIR");
    expect(readdirSync(join(folder, "net.d"))).toEqual(["10-tke-route-eni.conflist"]);
  });
});
