import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { goModules, moduleOf, requiredVersion } from "./go-programs.ts";

test("every program is a tool of its module's go.mod, and every tool is a program", () => {
  for (const module of goModules) {
    const goMod = readFileSync(join(import.meta.dir, "..", module.folder, "go.mod"), "utf8");
    const block = /^tool (?:\(([^)]*)\)|(\S+))$/m.exec(goMod);
    const tools = (block?.[1] ?? block?.[2] ?? "").trim().split(/\s+/);
    expect(tools.toSorted()).toEqual(Object.values(module.programs).toSorted());
    expect(requiredVersion(goMod, module.versionOf)).toMatch(/^v\d+\.\d+\.\d+$/);
  }
});

test("requiredVersion() reads single lines and blocks, and refuses what is not required", () => {
  expect(requiredVersion("require example.org/a v1.2.3", "example.org/a")).toBe("v1.2.3");
  expect(requiredVersion("require (\n\texample.org/a v1.2.3 // indirect\n)", "example.org/a")).toBe("v1.2.3");
  expect(() => requiredVersion("module example.org/a", "example.org/a")).toThrow(
    "requires no version of example.org/a",
  );
});

test("moduleOf() names the pinned programs when asked for another", () => {
  expect(moduleOf("kubelet").folder).toBe("kubernetes");
  expect(() => moduleOf("dockerd")).toThrow('pins a program "dockerd"');
});
