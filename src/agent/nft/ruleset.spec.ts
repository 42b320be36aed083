import { describe, expect, it } from "bun:test";
import type { PrimaryEgress } from "./primary-egress.ts";
import { ruleset } from "./ruleset.ts";

const eth1 = { number: 1, address: "10.0.16.10", group: 4003, ifName: "eth1" };
const gone = { number: 3, address: "10.0.17.10", group: 4009, ifName: undefined };
/** Nothing leaves by the primary interface. */
const egress: PrimaryEgress = { linkLocal: "eni", masquerade: undefined };

describe("ruleset()", () => {
  it("replaces the table in one transaction", () => {
    const lines = ruleset({ primary: "eth0", enis: [], egress }).split("\n");
    expect(lines.slice(0, 3)).toEqual([
      "table inet tke_eni {}",
      "delete table inet tke_eni",
      "table inet tke_eni {",
    ]);
  });

  it("maps groups, marks and links to each ENI's number, and is the same in whatever order they come", () => {
    const text = ruleset({ primary: "eth0", enis: [gone, eth1], egress });
    expect(text).toBe(ruleset({ primary: "eth0", enis: [eth1, gone], egress }));
    expect(text).toContain("elements = { 4003 : goto eni1, 4009 : goto eni3, 3999 : drop }");
    expect(text).toContain("elements = { 0x10 : goto eni1, 0x30 : goto eni3, 0xf0 : accept }");
    expect(text).toContain('elements = { "eth0" : goto in15, "eth1" : goto in1 }');
    expect(text).toContain("chain eni3 { meta mark set meta mark and 0xffffff0f or 0x30; accept; }");
  });

  for (const name of ['eth1" : drop', "eth*", "eth\n1", ""]) {
    it(`refuses a link named ${JSON.stringify(name)}`, () => {
      expect(() => ruleset({ primary: name, enis: [], egress })).toThrow(JSON.stringify(name));
    });
  }

  it("quotes a link name that is odd only to people", () => {
    expect(ruleset({ primary: "-e;*h}@", enis: [], egress })).toContain(
      'elements = { "-e;*h}@" : goto in15 }',
    );
  });

  it("knows the address of each ENI that is here, and refuses one that could be a program", () => {
    expect(ruleset({ primary: "eth0", enis: [gone, eth1], egress })).toContain(
      "map own { type ipv4_addr : verdict; elements = { 10.0.16.10 : goto in1 }; }",
    );
    for (const address of ["10.0.16.10 : drop", "fd00::1", ""]) {
      expect(() => ruleset({ primary: "eth0", enis: [{ ...eth1, address }], egress })).toThrow(
        JSON.stringify(address),
      );
    }
  });
});

describe("what leaves by the primary interface", () => {
  const outward = (wanted: PrimaryEgress) =>
    /chain outward \{\n([^}]*)\}/
      .exec(ruleset({ primary: "eth0", enis: [eth1], egress: wanted }))?.[1]
      ?.trim()
      .split(/\s*\n\s*/);

  it("is nothing, and no packet is asked, where nothing is wanted", () => {
    expect(outward(egress)).toBeUndefined();
    expect(ruleset({ primary: "eth0", enis: [eth1], egress })).not.toContain("outward");
  });

  it("is what goes to link-local addresses", () => {
    expect(outward({ ...egress, linkLocal: "primary" })).toEqual(["ip daddr 169.254.0.0/16 goto primary"]);
  });

  it("is all that is not excepted, by destination and by pod, where it is masqueraded", () => {
    const masquerade = { exceptTo: ["10.0.0.0/8", "10.0.0.0/16"], exceptFrom: ["10.0.16.7/32"] };
    const rest = [
      "ip daddr 10.0.0.0/8 return",
      "ip daddr 10.0.0.0/16 return",
      "ip saddr 10.0.16.7/32 return",
      "meta nfproto ipv4 goto primary",
    ];
    expect(outward({ linkLocal: "primary", masquerade })).toEqual([
      "ip daddr 169.254.0.0/16 goto primary",
      ...rest,
    ]);
    expect(outward({ linkLocal: "eni", masquerade })).toEqual(["ip daddr 169.254.0.0/16 return", ...rest]);
  });

  for (const block of ["10.0.0.0/33", "fd00::/8", "10.0.0.0/8 accept", ""]) {
    it(`refuses the block ${JSON.stringify(block)}`, () => {
      const masquerade = { exceptTo: [block], exceptFrom: [] };
      expect(() =>
        ruleset({ primary: "eth0", enis: [], egress: { linkLocal: "eni", masquerade } }),
      ).toThrow();
    });
  }
});
