import { describe, expect, test } from "bun:test";
import { Configuration } from "./configuration.ts";
import type { SettingProblem } from "./setting-problem.ts";

const fallback = { vpcId: "vpc-1", subnetIds: ["subnet-a"] };

function configMap(subnets: string, vpc = "vpc-1") {
  return {
    metadata: {
      name: "tke-eni-ipamd",
      namespace: "kube-system",
      uid: "uid-1",
      resourceVersion: "1",
      creationTimestamp: "2026-03-01T12:00:00Z",
    },
    data: { TKE_ENI_IPAMD_SUBNET_ID: subnets, TKE_ENI_IPAMD_VPC_ID: vpc },
  };
}

function following(): { configuration: Configuration; problems: SettingProblem[] } {
  const problems: SettingProblem[] = [];
  return {
    configuration: new Configuration({ fallback, problems: (all) => void problems.push(...all) }),
    problems,
  };
}

describe("Configuration", () => {
  test("is what flags say before anything was read, and where there is no ConfigMap", () => {
    const { configuration, problems } = following();
    expect([configuration.vpcId, configuration.subnetIds]).toEqual(["vpc-1", ["subnet-a"]]);
    expect(configuration.read(undefined)).toBe(false);
    expect(configuration.subnetIds).toEqual(["subnet-a"]);
    expect(problems).toEqual([]);
  });

  test("follows the ConfigMap, and says whether something else is in force", () => {
    const { configuration, problems } = following();
    expect(configuration.read(configMap("subnet-a:subnet-b"))).toBe(true);
    expect(configuration.read(configMap("subnet-a:subnet-b"))).toBe(false);
    expect(configuration.read(configMap("subnet-b"))).toBe(true);
    expect(configuration.subnetIds).toEqual(["subnet-b"]);
    expect(problems).toEqual([]);
  });

  test("the last good value stays when a wrong one, or none, takes its place; the problem is told", () => {
    const { configuration, problems } = following();
    configuration.read(configMap("subnet-b"));
    expect(configuration.read(configMap("subnet-b,subnet-c"))).toBe(false);
    expect(configuration.subnetIds).toEqual(["subnet-b"]);
    expect(problems.map(({ key }) => key)).toEqual(["TKE_ENI_IPAMD_SUBNET_ID"]);
    expect(problems[0]?.message).toContain("subnet-b,subnet-c");
    expect(configuration.read(undefined)).toBe(false);
    expect(configuration.subnetIds).toEqual(["subnet-b"]);
  });

  test("a wrong value that a new leader finds leaves in force what the former one published, not what flags say", () => {
    const problems: SettingProblem[] = [];
    const published = () => ["subnet-a", "subnet-b"];
    const configuration = new Configuration({
      fallback,
      published,
      problems: (all) => void problems.push(...all),
    });
    expect(configuration.read(configMap("subnet-a,subnet-b"))).toBe(true);
    expect(configuration.subnetIds).toEqual(["subnet-a", "subnet-b"]);
    expect(problems[0]?.message).toContain("subnet-a:subnet-b is in force");
    expect(configuration.read(configMap("subnet-b"))).toBe(true);
    expect(configuration.subnetIds).toEqual(["subnet-b"]);
  });

  test("the VPC is settled by the first reading", () => {
    const { configuration, problems } = following();
    expect(configuration.read(configMap("subnet-a", "vpc-2"))).toBe(true);
    expect(configuration.vpcId).toBe("vpc-2");
    expect(configuration.read(configMap("subnet-a", "vpc-3"))).toBe(false);
    expect(configuration.vpcId).toBe("vpc-2");
    expect(problems.map(({ key }) => key)).toEqual(["TKE_ENI_IPAMD_VPC_ID"]);
  });
});
