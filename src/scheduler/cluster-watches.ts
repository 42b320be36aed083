import { NODE_ENI_CONFIG, type NodeENIConfig } from "../api/node-eni-config.ts";
import { VPC_ENI, type VpcENI } from "../api/vpc-eni.ts";
import { VPC_IP, type VpcIP } from "../api/vpc-ip.ts";
import { VPC_IP_CLAIM, type VpcIPClaim } from "../api/vpc-ip-claim.ts";
import { addressOfVpcIp } from "../api/vpc-ip-name.ts";
import { VPC_SUBNET, type VpcSubnet } from "../api/vpc-subnet.ts";
import { type Pod, pods } from "../kube/core-resources.ts";
import { type Reflector, type ReflectorWorld, startReflector } from "../kube/reflector/reflector.ts";
import { keyOf, type Resource } from "../kube/resource.ts";
import { ClusterState } from "./decide/cluster-state.ts";
import type { NodeNumbers } from "./decide/node-numbers.ts";
import type { AddressView, ClaimView, ClusterView, NodeView, SubnetView } from "./decide/world.ts";
import { type WaitingPod, waitingPod } from "./waking/waiting-pod.ts";

/** A view that is older than this is none to decide by: the scheduler tries again. A quiet watch hears of the API server each minute. */
const OLDEST_MS = 120_000;

const configs: Resource<NodeENIConfig> = NODE_ENI_CONFIG;
const addresses: Resource<VpcIP> = VPC_IP;
const enis: Resource<VpcENI> = VPC_ENI;
const claims: Resource<VpcIPClaim> = VPC_IP_CLAIM;
const subnets: Resource<VpcSubnet> = VPC_SUBNET;

export interface ClusterWatchesOptions {
  /** By which nodes are counted. */
  readonly numbers: NodeNumbers;
  /** A pod that names no subnet gets none. */
  readonly onlyNominated: boolean;
  /** Told of each claim as the watch shows it. */
  readonly sawClaim: (claim: ClaimView) => void;
  /** Told of each pod that waits no more: it is bound, or gone. */
  readonly podGone: (uid: string) => void;
}

/** What the extender knows of the cluster: small views, kept by watches of its own. */
export class ClusterWatches {
  readonly #configs: Reflector<NodeView>;
  readonly #addresses: Reflector<AddressView>;
  readonly #enis: Reflector<AddressView>;
  readonly #claims: Reflector<ClaimView>;
  readonly #subnets: Reflector<SubnetView>;
  readonly #pods: Reflector<WaitingPod, "uid" | "refused">;
  readonly #state: ClusterState;

  constructor(world: ReflectorWorld, options: ClusterWatchesOptions) {
    this.#state = new ClusterState(options);
    this.#configs = startReflector(world, { resource: configs, transform: nodeView });
    this.#addresses = startReflector(world, { resource: addresses, transform: addressView });
    this.#enis = startReflector(world, { resource: enis, transform: eniView });
    this.#claims = startReflector(world, { resource: claims, transform: claimView });
    this.#subnets = startReflector(world, { resource: subnets, transform: subnetView });
    // Those that are not bound: there is one decision to make of them.
    this.#pods = startReflector<Pod, WaitingPod, "uid" | "refused">(world, {
      resource: pods,
      fieldSelector: "spec.nodeName=",
      transform: waitingPod,
      indexes: {
        uid: ({ metadata }) => [metadata.uid],
        refused: ({ refused }) => (refused ? ["yes"] : []),
      },
    });
    this.#claims.subscribe((event) => {
      if (event.type === "added" || event.type === "modified") options.sawClaim(event.object);
    });
    this.#pods.subscribe((event) => {
      if (event.type === "deleted") options.podGone(event.object.metadata.uid);
    });
    const state = this.#state;
    follow(this.#configs, { put: (node) => state.putNode(node), remove: (node) => state.removeNode(node) });
    for (const reflector of [this.#addresses, this.#enis]) {
      follow(reflector, {
        put: (address) => state.putAddress(address),
        remove: (address) => state.removeAddress(address),
      });
    }
    follow(this.#claims, {
      put: (claim) => state.putClaim(claim),
      remove: (claim) => state.removeClaim(claim),
    });
    follow(this.#subnets, {
      put: (subnet) => state.putSubnet(subnet),
      remove: (subnet) => state.removeSubnet(subnet),
    });
  }

  /** Resolves with whether all watches have held a complete list; false when `signal` was aborted before. */
  async whenSynced(signal?: AbortSignal): Promise<boolean> {
    const synced = await Promise.all(this.#all().map(([, reflector]) => reflector.whenSynced(signal)));
    return synced.every(Boolean);
  }

  /**
   * As of now, and as it changes: to be read in one go.
   *
   * @throws Error while a watch has not held a complete list, or is too old to decide by
   */
  view(): ClusterView {
    for (const [what, reflector] of this.#all()) {
      if (!reflector.hasSynced())
        throw new Error(`the ${what} of the cluster have not been read yet: it is tried again`);
      // Without saying since when: a text that changes has the scheduler ask again at once.
      if (reflector.age() > OLDEST_MS) {
        const most = OLDEST_MS / 1000;
        throw new Error(
          `the ${what} of the cluster were last heard of more than ${most} s ago: it is tried again`,
        );
      }
    }
    return this.#state.view;
  }

  /** A pod that waits to be bound, as far as the watch has shown it. */
  podOf(uid: string): WaitingPod | undefined {
    return this.#pods.store.index("uid", uid)[0];
  }

  /** Pods whose last refusal was this extender's, whichever process that was. */
  refused(): WaitingPod[] {
    return this.#pods.store.index("refused", "yes");
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all().map(([, reflector]) => reflector.stop()));
  }

  #all() {
    return [
      ["NodeENIConfigs", this.#configs],
      ["VpcIPs", this.#addresses],
      ["VpcENIs", this.#enis],
      ["VpcIPClaims", this.#claims],
      ["VpcSubnets", this.#subnets],
      ["pods", this.#pods],
    ] as const;
  }
}

function follow<S>(
  reflector: Reflector<S>,
  { put, remove }: { put: (object: S) => void; remove: (object: S) => void },
): void {
  reflector.subscribe((event) => {
    if (event.type === "deleted") remove(event.object);
    else if (event.type !== "synced") put(event.object);
  });
}

function nodeView({ metadata, status = {} }: NodeENIConfig): NodeView {
  const { zone = "", limit, eniInfos = [], subnetIDs = [], disabled = false, creating } = status;
  return {
    name: metadata.name,
    zone,
    labelled: subnetIDs,
    enis: eniInfos.map(({ eniID, subnetID, addresses }) => ({ id: eniID, subnetId: subnetID, addresses })),
    creatingIn: creating?.subnetID,
    limit: {
      enis: limit?.enis ?? 0,
      addressesPerEni: limit?.addressesPerENI ?? 0,
      addresses: limit?.addresses ?? 0,
    },
    disabled,
  };
}

function addressView({ metadata, spec, status }: VpcIP): AddressView {
  const { cloud } = status ?? {};
  return {
    address: addressOfVpcIp(metadata.name),
    subnetId: spec.subnetID,
    node: spec.node,
    eniId: spec.eniID,
    claim: spec.claim,
    // The cloud's reading is told to the millisecond, and so is this; the time of creation to the second.
    since: cloud?.state === "Assigned" ? Date.parse(cloud.since) : madeAt(metadata.creationTimestamp),
  };
}

/** The ENI's own address, which is one of the subnet's too. */
function eniView({ metadata, spec }: VpcENI): AddressView {
  const { primaryIP: address, subnetID: subnetId, node } = spec;
  const since = madeAt(metadata.creationTimestamp);
  return { address, subnetId, node, eniId: undefined, claim: undefined, since };
}

/** The latest time, wall clock, ms, that an object's creationTimestamp may stand for. */
function madeAt(timestamp: string | undefined): number {
  return timestamp === undefined ? 0 : Date.parse(timestamp) + 999;
}

function claimView({ metadata, spec }: VpcIPClaim): ClaimView {
  return {
    key: keyOf(metadata.name, metadata.namespace),
    subnetId: spec.subnetID ?? "",
    address: spec.address,
    node: spec.node,
    leaving: metadata.deletionTimestamp !== undefined,
  };
}

function subnetView({ metadata, spec, status = {} }: VpcSubnet): SubnetView {
  return {
    id: metadata.name,
    zone: spec.zone,
    cidr: spec.cidr,
    active: status.state === "Active",
    total: status.total,
    free: status.free,
    readAt: Date.parse(status.readAt ?? "") || 0,
  };
}
