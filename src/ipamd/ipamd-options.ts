import { type Command, InvalidArgumentError, Option } from "commander";
import { parseGoDuration } from "../api/go-duration.ts";
import { daemonCommand } from "../command-line/daemon-command.ts";
import { hostAndPort } from "../command-line/host-and-port.ts";
import type { ClaimOptions } from "./claims/claim-world.ts";

/** What every command needs: which cluster, and the ways to the cloud and to the API server. */
export interface ConnectionOptions {
  clusterId: string;
  region: string;
  vpcId: string;
  subnetIds: string[];
  cloudProtocol: "https" | "http";
  cloudDomain: string;
  credentialFolder: string;
  kubeconfig: string | undefined;
  logLevel: string;
}

export interface IpamdOptions extends ConnectionOptions {
  warm: { min: number; max: number };
  quickRelease: boolean;
  nodeGoneGraceMs: number;
  agentAnswerMs: number;
  nodeTaint: boolean;
  nodeCondition: boolean;
  /** Pods have addresses of their own; undefined: nodes keep a pool of them alone. */
  claims: ClaimOptions | undefined;
  healthListen: { hostname: string; port: number };
  /** undefined: no webhook is served. */
  webhookListen: { hostname: string; port: number } | undefined;
  namespace: string;
}

export interface AuditOptions extends ConnectionOptions {
  output: "table" | "json";
}

export interface AdoptOptions extends ConnectionOptions {
  fromUid: string | undefined;
}

/** What is to be done: to run as a daemon, or one thing only. */
export type IpamdCommand =
  | { do: "run"; options: IpamdOptions }
  | { do: "audit"; options: AuditOptions }
  | { do: "adopt"; options: AdoptOptions };

/** @throws CommanderError, or an error, with one sentence that names the value and what to do */
export function parseIpamdCommand(
  argv: readonly string[],
  env: Record<string, string | undefined>,
): IpamdCommand {
  const [first, ...rest] = argv;
  switch (first) {
    case "audit":
      return { do: "audit", options: parseAuditOptions(rest, env) };
    case "adopt":
      return { do: "adopt", options: parseAdoptOptions(rest, env) };
    default:
      if (first !== undefined && !first.startsWith("-")) {
        throw new Error(
          `${first} is no command of tke-eni-ipamd: use audit, adopt, or flags alone to run it (--help lists them)`,
        );
      }
      return { do: "run", options: parseIpamdOptions(argv, env) };
  }
}

/** Pods that run before they are stopped must be able to tell that a flag is wrong: one sentence with the value and what to do. */
export function parseIpamdOptions(
  argv: readonly string[],
  env: Record<string, string | undefined>,
): IpamdOptions {
  const command = commandOf(
    "tke-eni-ipamd",
    "Owns the ENIs and addresses of a cluster: makes them in the cloud, and the objects that agents read. Other commands: tke-eni-ipamd audit, tke-eni-ipamd adopt.",
  )
    .option("--ip-min-warm-target <n>", "free addresses to keep ready on each node", count, 5)
    .option("--ip-max-warm-target <n>", "free addresses above which a node gives some back", count, 5)
    .option(
      "--enable-quick-release",
      "give back the whole surplus every two minutes instead of one address",
      false,
    )
    .option(
      "--static-ip",
      "fixed addresses: each pod brings its own, which it may keep under its name; needs the scheduler's extender",
      false,
    )
    .option(
      "--ip-pool-size <n>",
      "with --static-ip: addresses that each node keeps ready for pods that keep none, in place of the warm targets",
      count,
      0,
    )
    .addOption(
      new Option(
        "--claim-expired-duration <duration>",
        "with --static-ip: how long a kept address outlives its pod, 5m at least; without it, for good",
      ).argParser(expiry),
    )
    .addOption(
      durationOption(
        "--partition-grace <duration>",
        "with --static-ip: how long a node must be unreachable before the addresses of pods that are gone move away from it",
        "5m",
      ),
    )
    .option(
      "--only-nominated-eni-subnets",
      "with --static-ip: a pod for which no subnet is named, by itself or by its node's label, gets no address",
      false,
    )
    .option(
      "--enable-ownerref",
      "with --static-ip: a kept address goes back when the workload of its pod is deleted",
      false,
    )
    .addOption(
      durationOption(
        "--node-gone-grace <duration>",
        "how long a Node must be gone before its ENIs are released",
        "2m",
      ),
    )
    .addOption(
      durationOption(
        "--agent-answer-timeout <duration>",
        "how long a gone node's agent has to close its pool",
        "30s",
      ),
    )
    .option(
      "--enable-node-taint [boolean]",
      "taint Nodes eni-ip-unavailable while pods can get no address there",
      boolean,
      true,
    )
    .option(
      "--enable-node-condition [boolean]",
      "give Nodes the condition ENIIPUnavailable, which says why",
      boolean,
      true,
    )
    .addOption(
      new Option("--health-listen <host:port>", "address of /health and /metrics")
        .argParser(hostAndPort("127.0.0.1:61678"))
        .default({ hostname: "127.0.0.1", port: 61678 }, "127.0.0.1:61678"),
    )
    .option(
      "--webhook-listen <host:port>",
      "serve the webhook there that has pods ask for an address, for clusters without the policy; default: not at all",
      hostAndPort("0.0.0.0:61679"),
    )
    .option("--namespace <name>", "namespace of the leader lease", "kube-system");
  const given = parse(command, argv, env);
  if (given["ipMinWarmTarget"] > given["ipMaxWarmTarget"]) {
    throw new InvalidArgumentError(
      `--ip-min-warm-target ${given["ipMinWarmTarget"]} is above --ip-max-warm-target ${given["ipMaxWarmTarget"]}: raise the maximum or lower the minimum.`,
    );
  }
  const claims = claimOptionsOf(command, given);
  return {
    ...connectionOf(given),
    warm: { min: given["ipMinWarmTarget"], max: given["ipMaxWarmTarget"] },
    ...(claims && { warm: { min: claims.poolSize, max: claims.poolSize } }),
    claims,
    // What is nobody's where each address is somebody's has nothing to wait for.
    quickRelease: given["enableQuickRelease"] || claims !== undefined,
    nodeGoneGraceMs: given["nodeGoneGrace"],
    agentAnswerMs: given["agentAnswerTimeout"],
    nodeTaint: given["enableNodeTaint"],
    nodeCondition: given["enableNodeCondition"],
    healthListen: given["healthListen"],
    webhookListen: given["webhookListen"],
    namespace: given["namespace"],
  };
}

/** Flags that say how addresses are fixed. */
const CLAIM_FLAGS = {
  ipPoolSize: "--ip-pool-size",
  claimExpiredDuration: "--claim-expired-duration",
  partitionGrace: "--partition-grace",
  enableOwnerref: "--enable-ownerref",
  onlyNominatedEniSubnets: "--only-nominated-eni-subnets",
} as const;

/** @throws InvalidArgumentError for a flag of fixed addresses where there are none: it would change nothing */
function claimOptionsOf(command: Command, given: ReturnType<Command["opts"]>): ClaimOptions | undefined {
  if (given["staticIp"]) {
    return {
      partitionGraceMs: given["partitionGrace"],
      expiresAfterMs: given["claimExpiredDuration"],
      ownerReferences: given["enableOwnerref"],
      poolSize: given["ipPoolSize"],
      onlyNominated: given["onlyNominatedEniSubnets"],
    };
  }
  for (const [attribute, flag] of Object.entries(CLAIM_FLAGS)) {
    if (command.getOptionValueSource(attribute) !== "cli") continue;
    throw new InvalidArgumentError(`${flag} is of fixed addresses: add --static-ip, or leave it out.`);
  }
  return undefined;
}

function parseAuditOptions(argv: readonly string[], env: Record<string, string | undefined>): AuditOptions {
  const command = commandOf(
    "tke-eni-ipamd audit",
    "Compares cloud, custom resources and agents' reports, prints each difference and what becomes of it, and changes nothing. Ends with 3 when something waits for a person.",
  ).addOption(
    new Option("--output <form>", "for people or for programs").choices(["table", "json"]).default("table"),
  );
  const given = parse(command, argv, env);
  return { ...connectionOf(given), output: given["output"] };
}

function parseAdoptOptions(argv: readonly string[], env: Record<string, string | undefined>): AdoptOptions {
  const command = commandOf(
    "tke-eni-ipamd adopt",
    "Takes over the ENIs of an earlier cluster of the same id, such as one whose etcd was made anew. Never run it while that other cluster lives.",
  ).option("--from-uid <uid>", "UID of the other cluster's kube-system; without it they are listed");
  const given = parse(command, argv, env);
  return { ...connectionOf(given), fromUid: given["fromUid"] };
}

/** What may differ from cluster to cluster is in the environment as well: where the daemon runs, the other commands need no flags. */
function commandOf(name: string, description: string): Command {
  return daemonCommand(name, description)
    .addOption(
      new Option("--clusterid <id>", "name of this cluster; tags every ENI of it")
        .env("CLUSTER_ID")
        .argParser(clusterId)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--region <region>", "Tencent Cloud region, such as ap-guangzhou")
        .env("REGION")
        .argParser(region)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--vpc-id <id>", "VPC of the nodes and pods; ConfigMap tke-eni-ipamd goes before it")
        .env("TKE_ENI_IPAMD_VPC_ID")
        .argParser(vpcId)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        "--subnet-ids <ids>",
        "container subnets, joined by colons; ConfigMap tke-eni-ipamd goes before it",
      )
        .env("TKE_ENI_IPAMD_SUBNET_ID")
        .argParser(subnetIds)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--cloud-protocol <protocol>", "http only against a simulator")
        .choices(["https", "http"])
        .default("https")
        .env("CLOUD_PROTOCOL"),
    )
    .addOption(
      new Option(
        "--cloud-domain <domain>",
        "domain of the API's hosts; internal.tencentcloudapi.com inside a VPC, an address for a simulator",
      )
        .default("tencentcloudapi.com")
        .env("CLOUD_DOMAIN"),
    )
    .option(
      "--credential-folder <path>",
      "folder with the files secretId, secretKey and, if temporary, token",
      "/etc/tke-eni/credential",
    );
}

function parse(
  command: Command,
  argv: readonly string[],
  env: Record<string, string | undefined>,
): ReturnType<Command["opts"]> {
  // Commander reads the environment of the process; tests hand theirs in.
  for (const option of command.options) {
    const value = env[option.envVar ?? ""];
    if (value === undefined) continue;
    command.setOptionValueWithSource(option.attributeName(), fromEnvironment(option, value), "env");
  }
  return command.parse(["bun", command.name(), ...argv]).opts();
}

function fromEnvironment(option: Option, value: string): unknown {
  try {
    return option.parseArg === undefined ? value : option.parseArg(value, undefined);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InvalidArgumentError(`${option.envVar} is "${value}": ${error.message}`);
  }
}

function connectionOf(given: ReturnType<Command["opts"]>): ConnectionOptions {
  return {
    clusterId: given["clusterid"],
    region: given["region"],
    vpcId: given["vpcId"],
    subnetIds: given["subnetIds"],
    cloudProtocol: given["cloudProtocol"],
    cloudDomain: given["cloudDomain"],
    credentialFolder: given["credentialFolder"],
    kubeconfig: given["kubeconfig"],
    logLevel: given["logLevel"],
  };
}

/** A duration whose default is shown as people write it. */
function durationOption(flags: string, description: string, standard: string): Option {
  return new Option(flags, description).argParser(duration).default(duration(standard), standard);
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

function boolean(text: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw new InvalidArgumentError("It must be true or false.");
}

function duration(text: string): number {
  const ms = parseGoDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('It must be a duration such as "2m" or "30s".');
  return ms;
}

function expiry(text: string): number {
  const ms = duration(text);
  if (ms < 300_000)
    throw new InvalidArgumentError("It must be 5m at least, or left out to keep addresses for good.");
  return ms;
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
