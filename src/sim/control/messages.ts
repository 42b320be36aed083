import { z } from "zod";
import type { DescribeLag } from "../admission/admission-state.ts";
import type { RateLimits } from "../admission/rate-limits.ts";
import type { ActionCalls } from "../call-counter.ts";
import { describeLagSchema, rateLimitsSchema, vpcMaxEnisSchema } from "../config.ts";

/** A machine that starts: the body of POST /v1/instances. */
export const instanceRequestSchema = z.strictObject({
  instanceId: z.string().regex(/^ins-[a-z0-9]{8}$/, "must look like ins-0a1b2c3d"),
  name: z.string().min(1),
  /** As the cloud writes it, S5.MEDIUM4. */
  instanceType: z.string(),
  zone: z.string(),
  subnetId: z.string(),
  privateIp: z.ipv4(),
  /** Path of the machine's network namespace; without a fabric it may be left out. */
  netns: z.string().startsWith("/", "must be a path").optional(),
  /** The name of its primary link there. */
  device: z
    .string()
    .regex(/^[a-z0-9]{1,15}$/, "must be the name of a link")
    .default("eth0"),
});

export type InstanceRequest = z.input<typeof instanceRequestSchema>;

/** What the machine has to configure on its primary link, as DHCP would tell it. */
export interface InstanceAnswer {
  readonly mac: string;
  readonly gateway: string;
  readonly prefixLength: number;
  readonly primaryEniId: string;
}

/** Another type for a machine: the body of POST /v1/instances/:id/resize. */
export const resizeRequestSchema = z.strictObject({ instanceType: z.string() });

/** Another quota for a machine: the body of POST /v1/instances/:id/quota. What is left out stays. */
export const quotaRequestSchema = z.strictObject({
  eniQuota: z.int().positive().optional(),
  addressesPerEni: z.int().positive().optional(),
});

export type QuotaRequest = z.input<typeof quotaRequestSchema>;

const addressesSchema = z.array(z.ipv4()).readonly().default([]);
const countSchema = z.int().nonnegative().default(0);

/** Addresses by name, by number, or both. */
export const addressesRequestSchema = z
  .strictObject({ addresses: addressesSchema, count: countSchema })
  .refine((it) => it.addresses.length + it.count > 0, "must name addresses, or a count of them");

export type AddressesRequest = z.input<typeof addressesRequestSchema>;

/** A network interface that somebody else makes: the body of POST /v1/enis. */
export const eniRequestSchema = z.strictObject({
  subnetId: z.string(),
  /** Absent: it stays detached. */
  instanceId: z.string().optional(),
  name: z.string().max(60).default("made in the console"),
  secondaryCount: countSchema,
  tags: z.record(z.string(), z.string()).default({}),
});

export type EniRequest = z.input<typeof eniRequestSchema>;

/** A network interface that was made, with all its addresses; they work when its task is done. */
export interface EniAnswer {
  readonly eniId: string;
  readonly mac: string;
  readonly addresses: readonly string[];
}

export const attachRequestSchema = z.strictObject({ instanceId: z.string() });

/** The body of POST /v1/enis/:id/unassign. */
export const unassignRequestSchema = z.strictObject({ addresses: z.array(z.ipv4()).min(1) });

/** The body of PATCH /v1/enis/:id/tags: tags that are added or get another value, and keys that go. */
export const tagsRequestSchema = z.strictObject({
  set: z.record(z.string(), z.string()).default({}),
  remove: z.array(z.string()).default([]),
});

export type TagsRequest = z.input<typeof tagsRequestSchema>;

/** The answer where addresses were taken, assigned or given back. */
export interface AddressesAnswer {
  readonly addresses: readonly string[];
}

/** What can be set while the cloud runs: the body of PATCH /v1/settings. What is left out stays. */
export const settingsSchema = z
  .strictObject({
    /** In place of all that was set before. */
    rateLimits: rateLimitsSchema,
    describeLag: describeLagSchema,
    /** How far the cloud's clock is ahead of the callers', in milliseconds; below zero it is behind. */
    clockSkewMs: z.int(),
    vpcMaxEnis: vpcMaxEnisSchema,
    /** As in the configuration. */
    asymmetricOutside: z.boolean(),
  })
  .partial();

export type SettingsChange = z.input<typeof settingsSchema>;

/** What is set: the answer of GET /v1/settings. */
export interface Settings {
  readonly rateLimits: RateLimits;
  readonly describeLag: DescribeLag;
  readonly clockSkewMs: number;
  readonly vpcMaxEnis: number;
  readonly asymmetricOutside: boolean;
}

/** The body of PUT /v1/credentials/:secretId. */
export const secretSchema = z.strictObject({
  secretKey: z.string().min(1),
  /** Of a temporary credential. */
  token: z.string().min(1).optional(),
  /** When that ends, milliseconds since the epoch by the cloud's clock. */
  expiresAt: z.int().nonnegative().optional(),
});

export type Secret = z.input<typeof secretSchema>;

/** The body of PUT /v1/credentials/:secretId/denied. */
export const deniedSchema = z.strictObject({ actions: z.array(z.string().min(1)) });

/** A task that is running, as GET /v1/tasks shows it. */
export interface TaskAnswer {
  readonly taskId: string;
  readonly eniId: string;
  readonly kind: string;
  /** When it ends, milliseconds since the epoch; null where it has to be released. */
  readonly due: number | null;
}

/** The cloud at one moment: the answer of GET /v1/state. */
export interface StateAnswer {
  readonly subnets: readonly {
    readonly subnetId: string;
    readonly total: number;
    readonly available: number;
    /** Addresses that no network interface has. */
    readonly outsiders: readonly string[];
  }[];
  readonly instances: readonly {
    readonly instanceId: string;
    readonly name: string;
    readonly state: string;
    readonly zone: string;
    readonly privateIp: string;
  }[];
  readonly enis: readonly {
    readonly eniId: string;
    readonly name: string;
    readonly mac: string;
    readonly subnetId: string;
    readonly primary: boolean;
    readonly state: string;
    readonly instanceId: string | null;
    readonly tags: Readonly<Record<string, string>>;
    readonly addresses: readonly {
      readonly address: string;
      readonly primary: boolean;
      readonly state: string;
    }[];
  }[];
  readonly runningTasks: number;
}

/** By action, the answer of GET /v1/calls; by product, that of GET /v1/calls/products. */
export type CallsAnswer = Readonly<Record<string, ActionCalls>>;

/** The answer to a request that was refused, with a status of 400 or more. */
export interface ErrorAnswer {
  readonly code: string;
  readonly message: string;
}
