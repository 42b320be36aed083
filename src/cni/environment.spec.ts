import { describe, expect, test } from "bun:test";
import { isInterfaceName, parseEnvironment } from "./environment.ts";
import { CniError, CODES } from "./error.ts";

const ADD = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c0ffee_1.a-b",
  CNI_NETNS: "/run/netns/a",
  CNI_IFNAME: "eth0",
  CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAME=web-0;EMPTY=;EQUATION=a=b",
};

function failureOf(act: () => unknown): CniError {
  try {
    act();
  } catch (error) {
    if (error instanceof CniError) return error;
    throw error;
  }
  throw new Error("nothing failed");
}

describe("parseEnvironment()", () => {
  test("reads an ADD", () => {
    expect(parseEnvironment(ADD)).toEqual({
      command: "ADD",
      containerId: "c0ffee_1.a-b",
      netns: "/run/netns/a",
      ifName: "eth0",
      args: new Map([
        ["IgnoreUnknown", "1"],
        ["K8S_POD_NAME", "web-0"],
        ["EMPTY", ""],
        ["EQUATION", "a=b"],
      ]),
    });
  });

  test("takes a DEL without a namespace, for it may be dead", () => {
    const { CNI_NETNS: _, ...rest } = ADD;
    expect(parseEnvironment({ ...rest, CNI_COMMAND: "DEL" })).toMatchObject({ command: "DEL", netns: "" });
  });

  test.each(["VERSION", "STATUS", "GC"])("asks nothing but the command for %s", (command) => {
    expect(parseEnvironment({ CNI_COMMAND: command })).toEqual({ command } as ReturnType<
      typeof parseEnvironment
    >);
  });

  test.each([
    ["CNI_COMMAND", undefined],
    ["CNI_COMMAND", "add"],
    ["CNI_CONTAINERID", undefined],
    ["CNI_CONTAINERID", ""],
    ["CNI_CONTAINERID", "-a"],
    ["CNI_CONTAINERID", "a/b"],
    ["CNI_CONTAINERID", "a b"],
    ["CNI_NETNS", undefined],
    ["CNI_NETNS", ""],
    ["CNI_IFNAME", undefined],
    ["CNI_IFNAME", "sixteen-letters0"],
    ["CNI_ARGS", "K8S_POD_NAME"],
    ["CNI_ARGS", "=web-0"],
  ])("refuses %s %p by its name and value", (name, value) => {
    const { code, message } = failureOf(() => parseEnvironment({ ...ADD, [name]: value }));
    expect(code).toBe(CODES.invalidEnvironment);
    expect(message).toContain(name);
    expect(message).toContain(value === undefined ? "is not set" : `"${value}"`);
  });
});

describe("isInterfaceName()", () => {
  test.each(["eth0", "a", "fifteen-letters", "net.1", "..."])("takes %p", (name) => {
    expect(isInterfaceName(name)).toBe(true);
  });

  test.each(["", ".", "..", "a/b", "a:0", "a b", "a\tb", "sixteen-letters0", "ééééééé€"])(
    "refuses %p",
    (name) => {
      expect(isInterfaceName(name)).toBe(false);
    },
  );
});
