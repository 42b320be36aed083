import { describe, expect, it } from "bun:test";
import { join } from "node:path";
import { stringify } from "yaml";
import { ConfigError, parseSimConfig, simulatedWorld } from "./config.ts";
import { initialState } from "./vpc/initial-state.ts";

function worldWith(changes: object): string {
  return stringify({ ...simulatedWorld(), ...changes });
}

describe("the example in the documentation", () => {
  it("is a configuration, of the API alone", async () => {
    const page = await Bun.file(join(import.meta.dir, "../../docs/design/vpc-sim.md")).text();
    const [, example = ""] = /```yaml\n(.*?)```/s.exec(page) ?? [];
    const config = parseSimConfig(example);
    expect(config.fabric).toBe(false);
    expect(config.rateLimits).toEqual({ actions: { CreateNetworkInterface: 10 } });
    expect(initialState(config, 0).subnets.size).toBe(config.subnets.length);
  });
});

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
    [
      "a value, which it names",
      worldWith({ vpcMaxEnis: -3, describeLag: { ms: "slow" } }),
      /describeLag\.ms: .*expected number.*; it is "slow"; vpcMaxEnis: .*; it is -3/,
    ],
    ["a key that is missing, as such", "region: ap-sim", /credentials: .*expected array; it is missing/],
    [
      "a rate that is none",
      worldWith({ rateLimits: { actions: { DescribeVpcs: 0 } } }),
      /rateLimits\.actions\.DescribeVpcs: .*; it is 0/,
    ],
    [
      "rate limits of another form",
      worldWith({ rateLimits: "off" }),
      /rateLimits: must be false, or figures .*; it is "off"/,
    ],
    [
      "a host that has no name",
      worldWith({ control: { listen: { hostname: "a b", port: 1 } } }),
      /control\.listen\.hostname: must be an IPv4 address or the name of a host; it is "a b"/,
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
