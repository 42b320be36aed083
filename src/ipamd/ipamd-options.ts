import { Command, InvalidArgumentError, Option } from "commander";
import { parseGoDuration } from "../api/go-duration.ts";

export interface IpamdOptions {
  clusterId: string;
  region: string;
  vpcId: string;
  subnetIds: string[];
  warm: { min: number; max: number };
  quickRelease: boolean;
  nodeGoneGraceMs: number;
  agentAnswerMs: number;
  healthListen: { host: string; port: number };
  cloudProtocol: "https" | "http";
  cloudDomain: string;
  credentialFolder: string;
  kubeconfig: string | undefined;
  namespace: string;
  logLevel: string;
}

/** Pods that run before they are stopped must be able to tell that a flag is wrong: one sentence with the value and what to do. */
export function parseIpamdOptions(
  argv: readonly string[],
  env: Record<string, string | undefined>,
): IpamdOptions {
  const command = new Command("tke-eni-ipamd")
    .description(
      "Owns the ENIs and addresses of a cluster: makes them in the cloud, and the objects that agents read.",
    )
    .requiredOption("--clusterid <id>", "name of this cluster; tags every ENI of it", clusterId)
    .requiredOption("--region <region>", "Tencent Cloud region, such as ap-guangzhou", region)
    .addOption(
      new Option("--vpc-id <id>", "VPC of the nodes and pods")
        .env("TKE_ENI_IPAMD_VPC_ID")
        .argParser(vpcId)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--subnet-ids <ids>", "container subnets, joined by colons")
        .env("TKE_ENI_IPAMD_SUBNET_ID")
        .argParser(subnetIds)
        .makeOptionMandatory(),
    )
    .option("--ip-min-warm-target <n>", "free addresses to keep ready on each node", count, 5)
    .option("--ip-max-warm-target <n>", "free addresses above which a node gives some back", count, 5)
    .option(
      "--enable-quick-release",
      "give back the whole surplus every two minutes instead of one address",
      false,
    )
    .option(
      "--node-gone-grace <duration>",
      "how long a Node must be gone before its ENIs are released",
      duration,
      120_000,
    )
    .option(
      "--agent-answer-timeout <duration>",
      "how long a gone node's agent has to close its pool",
      duration,
      30_000,
    )
    .option("--health-listen <host:port>", "address of /health", hostPort, {
      host: "127.0.0.1",
      port: 61678,
    })
    .addOption(
      new Option("--cloud-protocol <protocol>", "http only against a simulator")
        .choices(["https", "http"])
        .default("https"),
    )
    .option(
      "--cloud-domain <domain>",
      "domain of the API's hosts; internal.tencentcloudapi.com inside a VPC, an address for a simulator",
      "tencentcloudapi.com",
    )
    .option(
      "--credential-folder <path>",
      "folder with the files secretId, secretKey and, if temporary, token",
      "/etc/tke-eni/credential",
    )
    .option("--kubeconfig <path>", "kubeconfig to use instead of the pod's own service account")
    .option("--namespace <name>", "namespace of the leader lease", "kube-system")
    .addOption(
      new Option("--log-level <level>", "least severe level that is logged")
        .choices(["debug", "info", "warn", "error"])
        .default("info"),
    )
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  // Commander reads the environment of the process; tests hand theirs in.
  for (const option of command.options) {
    if (option.envVar !== undefined && env[option.envVar] !== undefined) {
      command.setOptionValueWithSource(
        option.attributeName(),
        option.parseArg?.(env[option.envVar] ?? "", undefined) ?? env[option.envVar],
        "env",
      );
    }
  }
  const given = command.parse(["bun", "tke-eni-ipamd", ...argv]).opts();
  if (given["ipMinWarmTarget"] > given["ipMaxWarmTarget"]) {
    throw new InvalidArgumentError(
      `--ip-min-warm-target ${given["ipMinWarmTarget"]} is above --ip-max-warm-target ${given["ipMaxWarmTarget"]}: raise the maximum or lower the minimum.`,
    );
  }
  return {
    clusterId: given["clusterid"],
    region: given["region"],
    vpcId: given["vpcId"],
    subnetIds: given["subnetIds"],
    warm: { min: given["ipMinWarmTarget"], max: given["ipMaxWarmTarget"] },
    quickRelease: given["enableQuickRelease"],
    nodeGoneGraceMs: given["nodeGoneGrace"],
    agentAnswerMs: given["agentAnswerTimeout"],
    healthListen: given["healthListen"],
    cloudProtocol: given["cloudProtocol"],
    cloudDomain: given["cloudDomain"],
    credentialFolder: given["credentialFolder"],
    kubeconfig: given["kubeconfig"],
    namespace: given["namespace"],
    logLevel: given["logLevel"],
  };
}

/** As cloud tags allow it; an unreplaced placeholder of the overlay would be every careless cluster's id. */
function clusterId(text: string): string {
  if (/^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError(
    "It must be 1 to 64 lower-case letters, digits, dashes, dots or underscores.",
  );
}

function region(text: string): string {
  if (/^[a-z]+(-[a-z0-9]+)+$/.test(text)) return text;
  throw new InvalidArgumentError("It must be a region such as ap-guangzhou.");
}

function vpcId(text: string): string {
  if (/^vpc-[a-z0-9]+$/.test(text)) return text;
  throw new InvalidArgumentError("It must be the id of a VPC, such as vpc-0a1b2c3d.");
}

function count(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError("It must be a whole number from 0 to 9999.");
  return Number(text);
}

function duration(text: string): number {
  const ms = parseGoDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('It must be a duration such as "2m" or "30s".');
  return ms;
}

function hostPort(text: string): { host: string; port: number } {
  const match = /^(.+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || port > 65535) throw new InvalidArgumentError("It must be HOST:PORT.");
  return { host: match[1], port };
}

function subnetIds(text: string): string[] {
  const ids = text.split(":").filter((id) => id !== "");
  const bad = ids.find((id) => !/^subnet-[a-z0-9]+$/.test(id));
  if (ids.length === 0 || bad !== undefined) {
    throw new InvalidArgumentError(
      `It must be subnet ids joined by colons, such as subnet-a1:subnet-b2; "${bad ?? text}" is none.`,
    );
  }
  return ids;
}
