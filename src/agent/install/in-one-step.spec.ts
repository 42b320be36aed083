import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inOneStep, removeUnfinished } from "./in-one-step.ts";

const MINUTE_MS = 60_000;

describe("inOneStep()", () => {
  let folder: string;
  let target: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tke-install-"));
    target = join(folder, "plugin");
    writeFileSync(target, "old");
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it("leaves the old file when the new one could not be made", () => {
    const make = (unfinished: string) => {
      writeFileSync(unfinished, "ha");
      throw new Error("disk full");
    };
    expect(() => inOneStep(target, make)).toThrow("disk full");
    expect(readFileSync(target, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["plugin"]);
  });

  it("leaves the old file when it is killed, and something that the next run removes", () => {
    const script = `
      import { writeFileSync } from "node:fs";
      import { inOneStep } from ${JSON.stringify(join(import.meta.dir, "in-one-step.ts"))};
      inOneStep(${JSON.stringify(target)}, (unfinished) => {
        writeFileSync(unfinished, "ha");
        process.kill(process.pid, "SIGKILL");
      });`;
    const { signalCode } = Bun.spawnSync([process.execPath, "-e", script]);
    expect(signalCode).toBe("SIGKILL");
    expect(readFileSync(target, "utf8")).toBe("old");
    expect(readdirSync(folder)).toHaveLength(2);

    removeUnfinished(folder, Date.now());
    expect(readdirSync(folder)).toHaveLength(2);
    removeUnfinished(folder, Date.now() + 2 * MINUTE_MS);
    expect(readdirSync(folder)).toEqual(["plugin"]);
  });
});
