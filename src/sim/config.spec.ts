import { describe, expect, it } from "bun:test";
import { stringify } from "yaml";
import { ConfigError, parseSimConfig, simulatedWorld } from "./config.ts";

function worldWith(changes: object): string {
  return stringify({ ...simulatedWorld(), ...changes });
}

describe("parseSimConfig()", () => {
  it("reads back the simulated world", () => {
    expect(parseSimConfig(stringify(simulatedWorld()))).toEqual(simulatedWorld());
  });

  it("fills in what may be left out", () => {
    const { instanceTypes, latency, rateLimits, describeLag, vpcMaxEnis, seed, fabric, ...rest } =
      simulatedWorld();
    expect(parseSimConfig(stringify(rest))).toEqual(simulatedWorld());
  });

  const refused: [string, string, RegExp][] = [
    ["text that is no YAML", "a: [", /not YAML/],
    ["an empty document", "", /not valid: document/],
    ["an unknown key", worldWith({ colour: "red" }), /colour/],
    [
      "a CIDR that is none",
      worldWith({ vpcs: [{ vpcId: "vpc-sim00001", name: "x", cidr: "10.0.0.0/99" }] }),
      /vpcs\.0\.cidr/,
    ],
    [
      "an id of another kind",
      worldWith({ securityGroups: [{ securityGroupId: "eni-00000000", name: "x" }] }),
      /sg-0a1b2c3d/,
    ],
    [
      "a subnet of no VPC",
      worldWith({ vpcs: [{ vpcId: "vpc-other001", name: "x", cidr: "10.0.0.0/16" }] }),
      /subnet-node0001 is in vpc-sim00001/,
    ],
    [
      "a name for the API's address where there is a fabric",
      worldWith({ api: { listen: { hostname: "localhost", port: 80 } } }),
      /has to be an IPv4 address/,
    ],
    ["a world without callers", worldWith({ credentials: [] }), /at least one caller/],
  ];
  for (const [what, text, message] of refused) {
    it(`refuses ${what}`, () => {
      expect(() => parseSimConfig(text)).toThrow(ConfigError);
      expect(() => parseSimConfig(text)).toThrow(message);
    });
  }
});
