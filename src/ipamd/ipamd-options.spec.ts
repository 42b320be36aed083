import { describe, expect, test } from "bun:test";
import { parseIpamdCommand, parseIpamdOptions } from "./ipamd-options.ts";

const least = ["--clusterid", "c1", "--region", "ap-sim"];
const env = { TKE_ENI_IPAMD_VPC_ID: "vpc-1", TKE_ENI_IPAMD_SUBNET_ID: "subnet-a:subnet-b" };

describe("parseIpamdOptions()", () => {
  test("takes VPC and subnets from the environment, as TKE's ConfigMap gives them, with TKE's defaults", () => {
    expect(parseIpamdOptions(least, env)).toMatchObject({
      clusterId: "c1",
      vpcId: "vpc-1",
      subnetIds: ["subnet-a", "subnet-b"],
      warm: { min: 5, max: 5 },
      quickRelease: false,
      nodeGoneGraceMs: 120_000,
      healthListen: { hostname: "127.0.0.1", port: 61678 },
      webhookListen: undefined,
    });
  });

  test("fixed addresses keep none ready unless that is asked for, and keep those of pods for good", () => {
    expect(parseIpamdOptions([...least, "--static-ip"], env)).toMatchObject({
      warm: { min: 0, max: 0 },
      claims: {
        partitionGraceMs: 300_000,
        expiresAfterMs: undefined,
        ownerReferences: false,
        poolSize: 0,
        onlyNominated: false,
      },
    });
    const flags = [
      "--static-ip",
      "--ip-pool-size",
      "2",
      "--claim-expired-duration",
      "10m",
      "--enable-ownerref",
    ];
    expect(parseIpamdOptions([...least, ...flags], env)).toMatchObject({
      warm: { min: 2, max: 2 },
      claims: { expiresAfterMs: 600_000, ownerReferences: true, poolSize: 2 },
    });
    expect(parseIpamdOptions(least, env).claims).toBeUndefined();
  });

  test("flags go before the environment", () => {
    expect(parseIpamdOptions([...least, "--vpc-id", "vpc-2", "--node-gone-grace", "10s"], env)).toMatchObject(
      {
        vpcId: "vpc-2",
        nodeGoneGraceMs: 10_000,
      },
    );
  });

  test.each([
    [["--clusterid", "CLUSTER_ID"], "CLUSTER_ID"],
    [["--clusterid", ""], "--clusterid"],
    [["--region", "REGION"], "REGION"],
    [["--vpc-id", "VPC_ID"], "VPC_ID"],
    [["--ip-min-warm-target", "-1"], "--ip-min-warm-target"],
    [["--ip-min-warm-target", "6"], "above --ip-max-warm-target 5"],
    [["--node-gone-grace", "two minutes"], "two minutes"],
    [["--subnet-ids", "subnet-a,subnet-b"], '"subnet-a,subnet-b" is none'],
    [["--cloud-protocol", "ftp"], "ftp"],
    [["--health-listen", "nowhere"], "nowhere"],
    [["--webhook-listen", "61679"], '"0.0.0.0:61679"'],
    [["--static-ip", "--claim-expired-duration", "4m"], "5m at least"],
    [["--claim-expired-duration", "10m"], "add --static-ip"],
    [["--enable-ownerref"], "add --static-ip"],
    [["--only-nominated-eni-subnets"], "add --static-ip"],
    [["--ip-pool-size", "2"], "add --static-ip"],
    [["--partition-grace", "10s"], "add --static-ip"],
  ])("refuses %p and names it", (flags, named) => {
    expect(() => parseIpamdOptions([...least, ...flags], env)).toThrow(named);
  });

  test("says what is missing", () => {
    expect(() => parseIpamdOptions(least, {})).toThrow("--vpc-id");
    expect(() => parseIpamdOptions(["--region", "ap-sim"], env)).toThrow("--clusterid");
  });
});

test("where the daemon runs, audit needs no flags: all that it must know is in the environment", () => {
  const daemons = {
    ...env,
    CLUSTER_ID: "c1",
    REGION: "ap-sim",
    CLOUD_PROTOCOL: "http",
    CLOUD_DOMAIN: "169.254.0.55",
  };
  expect(parseIpamdCommand(["audit"], daemons)).toMatchObject({
    do: "audit",
    options: { clusterId: "c1", region: "ap-sim", cloudProtocol: "http", cloudDomain: "169.254.0.55" },
  });
});

test("a wrong value of the environment is named with its variable", () => {
  const placeholder = { ...env, CLUSTER_ID: "CLUSTER_ID" };
  expect(() => parseIpamdOptions(["--region", "ap-sim"], placeholder)).toThrow(
    'CLUSTER_ID is "CLUSTER_ID": It must',
  );
});
