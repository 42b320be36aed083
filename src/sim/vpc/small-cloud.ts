import { type SimConfig, simulatedWorld } from "../config.ts";
import { addInstance } from "./add-instance.ts";
import { advance, nextDue } from "./advance.ts";
import { createNetworkInterface, type EniWish } from "./create-network-interface.ts";
import { initialState } from "./initial-state.ts";
import type { CloudState, Effect, Eni } from "./state.ts";

/** Ids of the small cloud that the specs of this room share. */
export const ids = {
  vpc: "vpc-small001",
  otherVpc: "vpc-other001",
  /** ap-sim-1, 13 addresses. */
  pods: "subnet-pods0001",
  /** ap-sim-2. */
  podsElsewhere: "subnet-pods0002",
  /** Of the other VPC. */
  foreign: "subnet-foreign1",
  /** Two network interfaces of four addresses, in ap-sim-1. */
  a: "ins-0000000a",
  b: "ins-0000000b",
} as const;

const config: SimConfig = {
  ...simulatedWorld(),
  vpcs: [
    { vpcId: ids.vpc, name: "small", cidr: "10.0.0.0/16" },
    { vpcId: ids.otherVpc, name: "other", cidr: "10.0.0.0/16" },
  ],
  subnets: [
    { subnetId: "subnet-node0001", vpcId: ids.vpc, name: "nodes", zone: "ap-sim-1", cidr: "10.0.1.0/24" },
    { subnetId: ids.pods, vpcId: ids.vpc, name: "pods", zone: "ap-sim-1", cidr: "10.0.16.0/28" },
    { subnetId: ids.podsElsewhere, vpcId: ids.vpc, name: "pods", zone: "ap-sim-2", cidr: "10.0.17.0/28" },
    { subnetId: ids.foreign, vpcId: ids.otherVpc, name: "pods", zone: "ap-sim-1", cidr: "10.0.16.0/28" },
  ],
  instanceTypes: { small: { cpu: 1, memory: 1, eniQuota: 2, addressesPerEni: 4 } },
  latency: { default: 100, actions: { AttachNetworkInterface: 200 } },
};

/** A cloud with two small machines in zone ap-sim-1, at time 0. */
export function smallCloud(): CloudState {
  let state = initialState(config, 0);
  for (const [instanceId, privateAddress] of [
    [ids.a, "10.0.1.10"],
    [ids.b, "10.0.1.11"],
  ] as const) {
    const host = { netns: `/run/netns/${instanceId}`, device: "eth0" };
    const rest = { instanceType: "small", zone: "ap-sim-1", subnetId: "subnet-node0001" };
    state = addInstance(
      state,
      { instanceId, name: instanceId, privateAddress, host, ...rest },
      { now: 0 },
    ).state;
  }
  return state;
}

/** What a network interface in the subnet for pods is made of. */
export function eniWish(changes: Partial<EniWish> = {}): EniWish {
  return {
    vpcId: ids.vpc,
    subnetId: ids.pods,
    name: "eni",
    description: "",
    addresses: [],
    secondaryCount: 0,
    groups: [],
    tags: [],
    ...changes,
  };
}

/** The state with a network interface that is ready and detached. */
export function withEni(
  state: CloudState,
  changes: Partial<EniWish> = {},
): { state: CloudState; eniId: string } {
  const step = createNetworkInterface(state, eniWish(changes), {
    now: 0,
    requestId: `made-${state.tasks.size}`,
  });
  return { state: settle(step.state).state, eniId: step.answer.eniId };
}

/** The state when everything that is under way is done. */
export function settle(state: CloudState): { state: CloudState; effects: readonly Effect[] } {
  let current = { state, effects: [] as readonly Effect[] };
  for (let due = nextDue(current.state); due !== undefined; due = nextDue(current.state)) {
    const step = advance(current.state, due);
    current = { state: step.state, effects: [...current.effects, ...step.effects] };
  }
  return current;
}

/** The code that an act refuses with; undefined where it does not. */
export function refusal(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

/** The network interface of that id; an error where there is none. */
export function eniOf(state: CloudState, eniId: string): Eni {
  const eni = state.enis.get(eniId);
  if (eni === undefined) {
    throw new Error(`there is no ${eniId}`);
  }
  return eni;
}
