import { describe, expect, it } from "bun:test";
import { ConfigError, type SimConfig, simulatedWorld } from "../config.ts";
import { initialState } from "./initial-state.ts";

function worldWithSubnets(...cidrs: string[]): SimConfig {
  const rest = { vpcId: "vpc-sim00001", name: "x", zone: "ap-sim-1" };
  return {
    ...simulatedWorld(),
    subnets: cidrs.map((cidr, i) => ({ subnetId: `subnet-0000000${i}`, cidr, ...rest })),
  };
}

describe("initialState()", () => {
  it("is the world that is configured", () => {
    const state = initialState(simulatedWorld(), 5);
    expect([...state.subnets.keys()]).toEqual(simulatedWorld().subnets.map((it) => it.subnetId));
    expect(state.vpcs.get("vpc-sim00001")?.createdAt).toBe(5);
  });

  const refused: [string, SimConfig, RegExp][] = [
    [
      "a subnet outside its VPC",
      worldWithSubnets("10.1.0.0/24"),
      /subnet-00000000 \(10\.1\.0\.0\/24\) does not lie in/,
    ],
    ["a subnet greater than its VPC", worldWithSubnets("10.0.0.0/8"), /does not lie in/],
    ["a subnet that is too small", worldWithSubnets("10.0.1.0/30"), /too small/],
    ["subnets that overlap", worldWithSubnets("10.0.0.0/20", "10.0.1.0/24"), /overlap/],
    ["a block that is none", worldWithSubnets("10.0.1.1/24"), /to the right of its prefix/],
  ];
  for (const [what, config, message] of refused) {
    it(`refuses ${what}`, () => {
      expect(() => initialState(config, 0)).toThrow(ConfigError);
      expect(() => initialState(config, 0)).toThrow(message);
    });
  }
});
