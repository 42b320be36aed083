import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { schemaFaults } from "./schema-faults.ts";

/** A resource id as Tencent Cloud writes them: a prefix that names the kind, then eight characters. */
function id(prefix: string) {
  return z.string().regex(new RegExp(`^${prefix}-[a-z0-9]{8}$`), `must look like ${prefix}-0a1b2c3d`);
}

const zone = z.string().regex(/^[a-z]+(-[a-z0-9]+)+$/, "must look like ap-sim-1");

const listen = z.strictObject({
  /** Addresses to listen on. */
  hostname: z.union([z.ipv4(), z.hostname()], "must be an IPv4 address or the name of a host"),
  /** 0 lets the kernel choose; the port chosen is in the log. */
  port: z.int().min(0).max(65535),
});

/** What a type of instance may have. Quotas count the primary network interface and each one's primary address. */
export const instanceTypeSchema = z.strictObject({
  cpu: z.int().positive(),
  /** GiB. */
  memory: z.int().positive(),
  eniQuota: z.int().positive(),
  addressesPerEni: z.int().positive(),
});

export type InstanceType = z.infer<typeof instanceTypeSchema>;

/** What somebody calls the API with. A temporary credential has a token, and an end (milliseconds since the epoch). */
export const credentialSchema = z.strictObject({
  secretId: z.string().min(1),
  secretKey: z.string().min(1),
  token: z.string().min(1).optional(),
  expiresAt: z.int().nonnegative().optional(),
});

/** Calls a second that are let in of each action; `false` is all. */
export const rateLimitsSchema = z.union(
  [
    z.literal(false),
    z.strictObject({
      /** For every action, in place of what the documentation has for it. */
      default: z.int().positive().optional(),
      /** For single actions. */
      actions: z.record(z.string(), z.int().positive()).default({}),
    }),
  ],
  "must be false, or figures under `default` and `actions`",
);

/** How old the state is that Describe actions show, in milliseconds; where it varies, by the dice up to that old. */
export const describeLagSchema = z.strictObject({
  ms: z.int().nonnegative(),
  varies: z.boolean().default(false),
});

/** How many network interfaces a VPC may have, besides the primary ones of machines. */
export const vpcMaxEnisSchema = z.int().nonnegative();

/** The configuration of vpc-sim, a YAML file. */
export const simConfigSchema = z.strictObject({
  /** What callers put into X-TC-Region. */
  region: z.string().regex(/^[a-z]+(-[a-z0-9]+)+$/, "must look like ap-sim"),
  /** Who may call the API. */
  credentials: z.array(credentialSchema).min(1, "at least one caller must be known"),
  vpcs: z.array(z.strictObject({ vpcId: id("vpc"), name: z.string(), cidr: z.cidrv4() })).min(1),
  subnets: z.array(
    z.strictObject({ subnetId: id("subnet"), vpcId: id("vpc"), name: z.string(), zone, cidr: z.cidrv4() }),
  ),
  /** A network interface that is made without groups gets the first. */
  securityGroups: z.array(z.strictObject({ securityGroupId: id("sg"), name: z.string() })).min(1),
  /** Types that are not in the built-in table, or differ from it. */
  instanceTypes: z.record(z.string(), instanceTypeSchema).default({}),
  /** How long asynchronous actions take, in milliseconds: one figure for all, others for single actions. */
  latency: z
    .strictObject({
      default: z.int().nonnegative().default(300),
      actions: z.record(z.string(), z.int().nonnegative()).default({}),
    })
    .default({ default: 300, actions: {} }),
  /** Where it is left out, the rates that the documentation has (admission/rate-limits.ts). */
  rateLimits: rateLimitsSchema.default({ actions: {} }),
  describeLag: describeLagSchema.default({ ms: 0, varies: false }),
  vpcMaxEnis: vpcMaxEnisSchema.default(1000),
  /** From it follow the ids and MAC addresses that the cloud invents: one seed, one sequence. */
  seed: z.int().nonnegative().default(1),
  /** false: the API alone, with no network behind it; runs anywhere, without root. */
  fabric: z.boolean().default(true),
  /** The host that is not in the VPC; it exists only with a fabric. `netns` is a path, the gateway the VPC's side of its /24. */
  outside: z
    .strictObject({ netns: z.string().startsWith("/"), address: z.ipv4(), gateway: z.ipv4() })
    .optional(),
  /**
   * true: what peers outside the VPC's blocks (the host outside, link-local services) send to an address of a secondary network
   * interface comes in by its machine's primary one, as in the cloud.
   */
  asymmetricOutside: z.boolean().default(false),
  /** The Tencent Cloud API. With a fabric its address is put on this namespace's loopback. */
  api: z.strictObject({ listen }),
  /** The control API: instances, state, calls, drops. Never give it to what is under test. */
  control: z.strictObject({ listen }),
});

export type SimConfig = z.infer<typeof simConfigSchema>;

/** What is wrong with a configuration, one sentence that can be shown to a person. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * Reads the YAML of a configuration.
 *
 * @throws ConfigError that names the key at fault, also where two keys contradict each other.
 */
export function parseSimConfig(text: string): SimConfig {
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (error) {
    throw new ConfigError(`The configuration is not YAML: ${error instanceof Error ? error.message : error}`);
  }
  const result = simConfigSchema.safeParse(document, { reportInput: true });
  if (!result.success) {
    throw new ConfigError(
      `The configuration is not valid: ${schemaFaults(result.error.issues, "document")}.`,
    );
  }
  return checkReferences(result.data);
}

function checkReferences(config: SimConfig): SimConfig {
  const vpcIds = new Set(config.vpcs.map((vpc) => vpc.vpcId));
  for (const subnet of config.subnets) {
    if (!vpcIds.has(subnet.vpcId)) {
      throw new ConfigError(
        `The subnet ${subnet.subnetId} is in ${subnet.vpcId}, which is not among the vpcs: ${[...vpcIds].join(", ")}.`,
      );
    }
  }
  const { hostname } = config.api.listen;
  if (config.fabric && !z.ipv4().safeParse(hostname).success) {
    throw new ConfigError(
      `api.listen.hostname is "${hostname}": with a fabric it has to be an IPv4 address, which machines of the VPC reach.`,
    );
  }
  return config;
}

/**
 * The world that the tests and the demo run in (docs/design/overview.md): one VPC, two zones, in each a subnet for
 * machines and one for pods, a host outside.
 */
export function simulatedWorld(): SimConfig {
  return {
    region: "ap-sim",
    credentials: [{ secretId: "AKIDsimulatedworld", secretKey: "not-a-secret" }],
    vpcs: [{ vpcId: "vpc-sim00001", name: "simulated", cidr: "10.0.0.0/16" }],
    subnets: [
      subnet("subnet-node0001", { name: "machines-1", zone: "ap-sim-1", cidr: "10.0.1.0/24" }),
      subnet("subnet-node0002", { name: "machines-2", zone: "ap-sim-2", cidr: "10.0.2.0/24" }),
      subnet("subnet-pods0001", { name: "pods-1", zone: "ap-sim-1", cidr: "10.0.16.0/24" }),
      subnet("subnet-pods0002", { name: "pods-2", zone: "ap-sim-2", cidr: "10.0.17.0/24" }),
    ],
    securityGroups: [{ securityGroupId: "sg-sim00001", name: "default" }],
    instanceTypes: {},
    latency: { default: 300, actions: {} },
    rateLimits: { actions: {} },
    describeLag: { ms: 0, varies: false },
    vpcMaxEnis: 1000,
    seed: 1,
    fabric: true,
    asymmetricOutside: false,
    outside: { netns: "/run/netns/tke-out", address: "198.51.100.10", gateway: "198.51.100.1" },
    api: { listen: { hostname: "169.254.0.55", port: 80 } },
    control: { listen: { hostname: "169.254.240.2", port: 9440 } },
  };
}

function subnet(subnetId: string, rest: { name: string; zone: string; cidr: string }) {
  return { subnetId, vpcId: "vpc-sim00001", ...rest };
}
