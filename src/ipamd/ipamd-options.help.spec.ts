import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { CommanderError } from "commander";
import { parseIpamdCommand } from "./ipamd-options.ts";

const least = ["--clusterid", "c1", "--region", "ap-sim", "--vpc-id", "vpc-1", "--subnet-ids", "subnet-a"];

describe("parseIpamdCommand()", () => {
  test("runs as a daemon where nothing else is said", () => {
    const { do: what, options } = parseIpamdCommand([...least, "--enable-node-taint", "false"], {});
    expect(what).toBe("run");
    expect(options).toMatchObject({ clusterId: "c1", nodeTaint: false, nodeCondition: true });
  });

  test("audit prints for people unless it is told to print for programs", () => {
    expect(parseIpamdCommand(["audit", ...least], {})).toMatchObject({
      do: "audit",
      options: { output: "table" },
    });
    expect(parseIpamdCommand(["audit", ...least, "--output", "json"], {})).toMatchObject({
      options: { output: "json" },
    });
    expect(() => parseIpamdCommand(["audit", ...least, "--output", "xml"], {})).toThrow("xml");
  });

  test("adopt lists unless it is told whose ENIs to take", () => {
    expect(parseIpamdCommand(["adopt", ...least], {})).toMatchObject({
      do: "adopt",
      options: { fromUid: undefined },
    });
    expect(parseIpamdCommand(["adopt", ...least, "--from-uid", "u"], {})).toMatchObject({
      options: { fromUid: "u" },
    });
  });

  test("a flag of another command is refused", () => {
    expect(() => parseIpamdCommand(["audit", ...least, "--enable-quick-release"], {})).toThrow(
      "--enable-quick-release",
    );
    expect(() => parseIpamdCommand(["audits", ...least], {})).toThrow(
      "audits is no command of tke-eni-ipamd: use audit, adopt",
    );
  });
});

describe("--help", () => {
  let printed: string;
  let stdout: ReturnType<typeof spyOn>;

  beforeEach(() => {
    printed = "";
    stdout = spyOn(process.stdout, "write").mockImplementation((text) => {
      printed += text;
      return true;
    });
  });

  afterEach(() => stdout.mockRestore());

  function help(...argv: string[]): string {
    try {
      parseIpamdCommand([...argv, "--help"], {});
    } catch (error) {
      expect(error).toBeInstanceOf(CommanderError);
      expect((error as CommanderError).exitCode).toBe(0);
    }
    // Commander breaks lines.
    return printed.replaceAll(/\s+/g, " ");
  }

  test("shows durations as people write them, and names the other commands", () => {
    const text = help();
    expect(text).toContain("--node-gone-grace <duration>");
    expect(text).toContain("(default: 2m)");
    expect(text).toContain("(default: 30s)");
    expect(text).toContain("tke-eni-ipamd audit, tke-eni-ipamd adopt");
    expect(text).not.toContain("120000");
  });

  test("audit says by which code it ends when something waits for a person", () => {
    expect(help("audit")).toContain("Ends with 3");
  });
});
