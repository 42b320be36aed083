import type { AddressView, ClaimView, ClusterView, NodeView, PodView, SubnetView } from "../decide/world.ts";
import { clusterView } from "./cluster-view.ts";

/** When subnets of these worlds were read, wall clock, ms. */
export const READ_AT = 1_000_000;

export function madeSubnet(id: string, more: Partial<SubnetView> = {}): SubnetView {
  return {
    id,
    zone: "zone-1",
    cidr: "10.0.16.0/24",
    active: true,
    total: 253,
    free: 100,
    readAt: READ_AT,
    ...more,
  };
}

export function madeNode(name: string, more: Partial<NodeView> = {}): NodeView {
  const limit = { enis: 3, addressesPerEni: 9, addresses: 27 };
  return {
    name,
    zone: "zone-1",
    labelled: [],
    enis: [],
    creatingIn: undefined,
    limit,
    disabled: false,
    ...more,
  };
}

export function madePod(name: string, more: Partial<PodView> = {}): PodView {
  return {
    key: `shop/${name}`,
    uid: `uid-${name}`,
    nominated: [],
    address: undefined,
    mistake: undefined,
    ...more,
  };
}

export function madeClaim(name: string, more: Partial<ClaimView> = {}): ClaimView {
  return {
    key: `shop/${name}`,
    subnetId: "subnet-a",
    address: undefined,
    node: undefined,
    leaving: false,
    ...more,
  };
}

export function madeAddress(address: string, more: Partial<AddressView> = {}): AddressView {
  return { address, subnetId: "subnet-a", node: "n", eniId: undefined, claim: undefined, since: 0, ...more };
}

export interface MadeParts {
  readonly subnets?: readonly SubnetView[];
  readonly nodes?: readonly NodeView[];
  readonly addresses?: readonly AddressView[];
  readonly claims?: readonly ClaimView[];
  readonly configured?: readonly string[];
}

/** A cluster of these parts, with one subnet where none is named. */
export function madeCluster(parts: MadeParts = {}): ClusterView {
  const { subnets = [madeSubnet("subnet-a")], nodes = [], addresses = [], claims = [] } = parts;
  return clusterView({
    subnets: new Map(subnets.map((subnet) => [subnet.id, subnet])),
    nodes: new Map(nodes.map((node) => [node.name, node])),
    addresses: new Map(addresses.map((address) => [address.address, address])),
    claims: new Map(claims.map((claim) => [claim.key, claim])),
    configured: parts.configured ?? subnets.map(({ id }) => id),
  });
}
