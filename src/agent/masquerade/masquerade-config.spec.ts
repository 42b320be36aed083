import { describe, expect, it } from "bun:test";
import {
  DEFAULT_MASQUERADE,
  egressOf,
  MasqueradeConfigError,
  parseMasqueradeConfig,
} from "./masquerade-config.ts";

describe("parseMasqueradeConfig()", () => {
  it("reads what TKE writes", () => {
    const text = `{"NonMasqueradeCIDRs":["10.0.0.0/16","172.20.0.0/16"],"NonMasqueradeSrcCIDRs":["10.0.16.7/32"],
      "MasqLinkLocal":true,"MasqLinkLocalIPv6":false,"ResyncInterval":"1m0s"}`;
    expect(parseMasqueradeConfig(text)).toEqual({
      nonMasqueradeCidrs: ["10.0.0.0/16", "172.20.0.0/16"],
      nonMasqueradeSrcCidrs: ["10.0.16.7/32"],
      masqLinkLocal: true,
    });
  });

  it("reads what ip-masq-agent's manual writes: YAML, other case", () => {
    const text = "nonMasqueradeCIDRs:\n  - 0.0.0.0/0\nresyncInterval: 60s\nmasqLinkLocal: false\n";
    expect(parseMasqueradeConfig(text)).toEqual({
      nonMasqueradeCidrs: ["0.0.0.0/0"],
      nonMasqueradeSrcCidrs: [],
      masqLinkLocal: false,
    });
  });

  it("has ip-masq-agent's defaults for what is left out, and nothing for an empty list", () => {
    for (const text of ["", "{}", "NonMasqueradeCIDRs: null"]) {
      expect(parseMasqueradeConfig(text)).toEqual(DEFAULT_MASQUERADE);
    }
    expect(parseMasqueradeConfig("NonMasqueradeCIDRs: []").nonMasqueradeCidrs).toEqual([]);
  });

  it("leaves IPv6 blocks out, after a look at them", () => {
    const { nonMasqueradeCidrs } = parseMasqueradeConfig('{"NonMasqueradeCIDRs":["fd00::/8","10.0.0.0/8"]}');
    expect(nonMasqueradeCidrs).toEqual(["10.0.0.0/8"]);
    expect(() => parseMasqueradeConfig('{"NonMasqueradeCIDRs":["fd00::1/8"]}')).toThrow("fd00::/8");
  });

  const many = JSON.stringify({ NonMasqueradeCIDRs: Array.from({ length: 65 }, (_, i) => `10.${i}.0.0/16`) });
  const refused: [string, string][] = [
    ["{", "neither YAML nor JSON"],
    ["[]", "must be an object"],
    ["NonMasqueradeCIDR: []", 'the key "NonMasqueradeCIDR" is not known'],
    ["snatTarget: 1.2.3.4", 'the key "snatTarget" is not known'],
    ['{"MasqLinkLocal":true,"masqLinkLocal":false}', "MasqLinkLocal is there twice"],
    ["NonMasqueradeCIDRs: 10.0.0.0/8", "it must be a list"],
    ["NonMasqueradeCIDRs: [10.0.0.0]", '"10.0.0.0", which is no block'],
    ["NonMasqueradeCIDRs: [10.0.0.0/33]", '"10.0.0.0/33", which is no block'],
    ["NonMasqueradeSrcCIDRs: [10.0.16.7/24]", "write 10.0.16.0/24"],
    ["NonMasqueradeCIDRs: [7]", "has 7, which is no block"],
    [many, "has 65 blocks, more than 64"],
    ['MasqLinkLocal: "yes"', 'MasqLinkLocal is "yes": it must be true or false'],
    ["MasqLinkLocalIPv6: 1", "MasqLinkLocalIPv6 is 1"],
    ["ResyncInterval: 60", "ResyncInterval is 60"],
    ["ResyncInterval: soon", 'ResyncInterval is "soon"'],
  ];
  for (const [text, reason] of refused) {
    it(`refuses ${text.slice(0, 60)}`, () => {
      expect(() => parseMasqueradeConfig(text)).toThrow(MasqueradeConfigError);
      expect(() => parseMasqueradeConfig(text)).toThrow(reason);
    });
  }
});

describe("egressOf()", () => {
  it("lets the configuration decide on link-local destinations where it says something", () => {
    const of = (masqLinkLocal: boolean | undefined) =>
      egressOf({ ...DEFAULT_MASQUERADE, masqLinkLocal }, "primary").linkLocal;
    expect([of(true), of(false), of(undefined)]).toEqual(["primary", "eni", "primary"]);
    expect(egressOf(DEFAULT_MASQUERADE, "eni").linkLocal).toBe("eni");
  });
});
