import { z } from "zod";
import type { ActionCalls } from "../call-counter.ts";

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

/** The cloud at one moment: the answer of GET /v1/state. */
export interface StateAnswer {
  readonly subnets: readonly {
    readonly subnetId: string;
    readonly total: number;
    readonly available: number;
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

/** By action: the answer of GET /v1/calls. */
export type CallsAnswer = Readonly<Record<string, ActionCalls>>;

/** The answer to a request that was refused, with a status of 400 or more. */
export interface ErrorAnswer {
  readonly code: string;
  readonly message: string;
}
