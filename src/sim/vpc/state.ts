import type { InstanceType } from "../config.ts";
import type { AddressSet } from "./address-set.ts";
import type { Dice } from "./dice.ts";
import type { DueQueue } from "./due-queue.ts";
import type { Block } from "./ipv4.ts";
import type { PersistentMap } from "./persistent-map.ts";

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
  /** Network interfaces in it, without the primary ones of machines: those come with the machine and have its quota. */
  readonly eniCount: number;
  readonly createdAt: Time;
}

export interface Subnet {
  readonly subnetId: string;
  readonly vpcId: string;
  readonly name: string;
  readonly zone: string;
  readonly block: Block;
  /** Addresses that somebody has, in whatever state; those that the cloud reserves are not among them. */
  readonly taken: AddressSet;
  /** Those among them that no network interface has: a load balancer, a database, somebody else of the subnet. */
  readonly outsiders: AddressSet;
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
  /** Infinity: not before it is released. */
  readonly due: Time;
  /** It will come to nothing when it has got as far as this kind of work. */
  readonly failure?: { readonly output: string; readonly at: Job["work"]["kind"] };
  readonly work:
    | { readonly kind: "create"; readonly attachTo?: { readonly instanceId: string; readonly takes: number } }
    | { readonly kind: "attach"; readonly instanceId: string }
    | { readonly kind: "detach" }
    | { readonly kind: "delete" }
    | { readonly kind: "assign"; readonly addresses: readonly string[] }
    | { readonly kind: "unassign"; readonly addresses: readonly string[] }
    | { readonly kind: "migrate"; readonly address: string; readonly to: string };
}

/** What is to go wrong with the job of a request. */
export interface Fate {
  /** How much longer it takes, in milliseconds; Infinity is until it is released. */
  readonly stallMs: number;
  readonly failure?: {
    /** Shown to those who ask for the task. */
    readonly output: string;
    /** Of CreateAndAttachNetworkInterface, the half that fails; the second where it is not said. */
    readonly at?: "create" | "attach";
  };
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
  /** How many network interfaces a VPC may have, as Vpc.eniCount counts them (`vpc-max-enis`). */
  readonly vpcMaxEnis: number;
  readonly vpcs: PersistentMap<string, Vpc>;
  readonly subnets: PersistentMap<string, Subnet>;
  readonly instances: PersistentMap<string, Instance>;
  readonly enis: PersistentMap<string, Eni>;
  /** The network interfaces that are attached to a machine or will be, by machine. */
  readonly enisByInstance: PersistentMap<string, readonly string[]>;
  /** Network interfaces by MAC address. */
  readonly macs: PersistentMap<string, string>;
  readonly tasks: PersistentMap<string, Task>;
  /** When tasks were over, in that order. */
  readonly finished: PersistentMap<string, Time>;
  /** By network interface: of an address that migrates, the one that it leaves. */
  readonly jobs: PersistentMap<string, Job>;
  /** Network interfaces to which an address migrates, each with the one that it leaves. */
  readonly receiving: PersistentMap<string, string>;
  /** When jobs are due, by network interface. What is not so (any more) of the job that is there is passed over. */
  readonly due: DueQueue;
  /** What was answered to requests that carried a client token, by action and token, in that order. */
  readonly answers: PersistentMap<string, { readonly answer: unknown; readonly answeredAt: Time }>;
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
  /** Absent: its job takes the usual time and succeeds. */
  readonly fate?: Fate;
}
