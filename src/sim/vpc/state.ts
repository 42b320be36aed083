import type { InstanceType } from "../config.ts";
import type { Dice } from "./dice.ts";
import type { Block } from "./ipv4.ts";

/** Milliseconds since the epoch. */
export type Time = number;

export interface Tag {
  readonly key: string;
  readonly value: string;
}

export interface Vpc {
  readonly vpcId: string;
  readonly name: string;
  readonly block: Block;
  readonly createdAt: Time;
}

export interface Subnet {
  readonly subnetId: string;
  readonly vpcId: string;
  readonly name: string;
  readonly zone: string;
  readonly block: Block;
  /** Addresses that network interfaces have, in whatever state; those that the cloud reserves are not among them. */
  readonly taken: ReadonlySet<number>;
  readonly createdAt: Time;
}

/** Where the kernel keeps a machine: its network namespace, and the name that its first link gets there. */
export interface Host {
  readonly netns: string;
  readonly device: string;
}

export interface Instance {
  readonly instanceId: string;
  readonly name: string;
  readonly instanceType: string;
  readonly type: InstanceType;
  readonly zone: string;
  readonly vpcId: string;
  readonly subnetId: string;
  readonly privateAddress: string;
  readonly primaryEniId: string;
  readonly state: "RUNNING" | "STOPPED";
  readonly createdAt: Time;
  /** Absent for a machine of which there is only the record. */
  readonly host?: Host;
}

export interface PrivateAddress {
  readonly address: string;
  readonly primary: boolean;
  readonly description: string;
  readonly state: "PENDING" | "AVAILABLE" | "MIGRATING" | "DELETING";
}

export interface Attachment {
  readonly instanceId: string;
  /** 0 is the primary network interface. */
  readonly deviceIndex: number;
  readonly attachedAt: Time;
}

/** An elastic network interface. One that is attached is AVAILABLE and has an attachment. */
export interface Eni {
  readonly eniId: string;
  readonly name: string;
  readonly description: string;
  readonly vpcId: string;
  readonly subnetId: string;
  readonly zone: string;
  readonly mac: string;
  readonly primary: boolean;
  readonly state: "PENDING" | "AVAILABLE" | "ATTACHING" | "DETACHING" | "DELETING";
  readonly groups: readonly string[];
  readonly tags: readonly Tag[];
  /** The primary address first. */
  readonly addresses: readonly PrivateAddress[];
  readonly attachment?: Attachment;
  readonly createdAt: Time;
}

/** What an asynchronous request came to. Its id is the RequestId of that request. */
export interface Task {
  readonly taskId: string;
  readonly eniId: string;
  readonly status: "RUNNING" | "SUCCESS" | "FAILED";
  /** Why it failed, for people. */
  readonly output: string;
  readonly finishedAt?: Time;
}

/** What is still to happen to a network interface, and when. The cloud works at one job an interface at a time. */
export interface Job {
  readonly taskId: string;
  readonly eniId: string;
  readonly due: Time;
  readonly work:
    | { readonly kind: "create"; readonly attachTo?: { readonly instanceId: string; readonly takes: number } }
    | { readonly kind: "attach"; readonly instanceId: string }
    | { readonly kind: "detach" }
    | { readonly kind: "delete" }
    | { readonly kind: "assign"; readonly addresses: readonly string[] }
    | { readonly kind: "unassign"; readonly addresses: readonly string[] };
}

/** What does not change while the cloud lives. */
export interface Settings {
  readonly instanceTypes: Readonly<Record<string, InstanceType>>;
  /** Milliseconds. */
  readonly latency: { readonly default: number; readonly actions: Readonly<Record<string, number>> };
  /** The security groups that exist; the first is that of a network interface made without. */
  readonly securityGroups: readonly string[];
}

/** The whole cloud at one moment. Nothing in it is ever changed in place. */
export interface CloudState {
  readonly settings: Settings;
  readonly dice: Dice;
  readonly vpcs: ReadonlyMap<string, Vpc>;
  readonly subnets: ReadonlyMap<string, Subnet>;
  readonly instances: ReadonlyMap<string, Instance>;
  readonly enis: ReadonlyMap<string, Eni>;
  readonly tasks: ReadonlyMap<string, Task>;
  /** By network interface. */
  readonly jobs: ReadonlyMap<string, Job>;
  /** What was answered to requests that carried a client token, by action and token. */
  readonly answers: ReadonlyMap<string, { readonly answer: unknown; readonly answeredAt: Time }>;
}

/** What the network has to do for the state to be true. An `unplug` takes the addresses of the link with it. */
export type Effect =
  | {
      readonly kind: "plug";
      readonly eniId: string;
      readonly instanceId: string;
      readonly mac: string;
      readonly netns: string;
      /** The name of the link, where the cloud chooses it: only that of a primary network interface. */
      readonly device?: string;
    }
  | { readonly kind: "unplug"; readonly eniId: string }
  | { readonly kind: "assign"; readonly eniId: string; readonly addresses: readonly string[] }
  | { readonly kind: "unassign"; readonly eniId: string; readonly addresses: readonly string[] };

/** What an act came to. */
export interface Step<Answer> {
  readonly state: CloudState;
  readonly answer: Answer;
  /** In the order in which they have to be made true. */
  readonly effects: readonly Effect[];
}

/** When a request is served, and the id by which its outcome can be asked for. */
export interface Occasion {
  readonly now: Time;
  readonly requestId: string;
}

/** A copy of the map in which the key has another value. */
export function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  return new Map(map).set(key, value);
}

/** A copy of the map without the key. */
export function withoutEntry<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}
