import { describe, expect, it } from "bun:test";
import { ruleset } from "./ruleset.ts";

const eth1 = { number: 1, group: 4003, ifName: "eth1" };
const gone = { number: 3, group: 4009, ifName: undefined };

describe("ruleset()", () => {
  it("replaces the table in one transaction", () => {
    const lines = ruleset({ primary: "eth0", enis: [] }).split("\n");
    expect(lines.slice(0, 3)).toEqual([
      "table inet tke_eni {}",
      "delete table inet tke_eni",
      "table inet tke_eni {",
    ]);
  });

  it("maps groups, marks and links to each ENI's number, and is the same in whatever order they come", () => {
    const text = ruleset({ primary: "eth0", enis: [gone, eth1] });
    expect(text).toBe(ruleset({ primary: "eth0", enis: [eth1, gone] }));
    expect(text).toContain("elements = { 4003 : goto eni1, 4009 : goto eni3 }");
    expect(text).toContain("elements = { 0x10 : goto eni1, 0x30 : goto eni3, 0xf0 : accept }");
    expect(text).toContain('elements = { "eth0" : goto in15, "eth1" : goto in1 }');
    expect(text).toContain("chain eni3 { meta mark set meta mark and 0xffffff0f or 0x30; accept; }");
  });

  for (const name of ['eth1" : drop', "eth*", "eth\n1", ""]) {
    it(`refuses a link named ${JSON.stringify(name)}`, () => {
      expect(() => ruleset({ primary: name, enis: [] })).toThrow(JSON.stringify(name));
    });
  }

  it("quotes a link name that is odd only to people", () => {
    expect(ruleset({ primary: "-e;*h}@", enis: [] })).toContain('elements = { "-e;*h}@" : goto in15 }');
  });
});
