import { NODE_ENI_CONFIG, type NodeENIConfig } from "../api/node-eni-config.ts";
import { VPC_IP, type VpcIP } from "../api/vpc-ip.ts";
import { VPC_IP_CLAIM, type VpcIPClaim } from "../api/vpc-ip-claim.ts";
import { addressOfVpcIp } from "../api/vpc-ip-name.ts";
import { VPC_SUBNET, type VpcSubnet } from "../api/vpc-subnet.ts";
import { type Pod, pods } from "../kube/core-resources.ts";
import { type Reflector, type ReflectorWorld, startReflector } from "../kube/reflector/reflector.ts";
import { keyOf, type Resource } from "../kube/resource.ts";
import type { AddressView, ClaimView, NodeView, SubnetView, World } from "./decide/world.ts";
import type { ExtenderPod } from "./wire/extender-messages.ts";

/** A view that is older than this is none to decide by: the scheduler tries again. A quiet watch hears of the API server each minute. */
const OLDEST_MS = 120_000;

const configs: Resource<NodeENIConfig> = NODE_ENI_CONFIG;
const addresses: Resource<VpcIP> = VPC_IP;
const claims: Resource<VpcIPClaim> = VPC_IP_CLAIM;
const subnets: Resource<VpcSubnet> = VPC_SUBNET;

export interface ClusterWatchesOptions {
  /** A pod that names no subnet gets none. */
  readonly onlyNominated: boolean;
  /** Told of each claim as the watch shows it. */
  readonly sawClaim: (claim: ClaimView) => void;
}

/** What the extender knows of the cluster: small views, kept by watches of its own. */
export class ClusterWatches {
  readonly #configs: Reflector<NodeView>;
  readonly #addresses: Reflector<AddressView>;
  readonly #claims: Reflector<ClaimView>;
  readonly #subnets: Reflector<SubnetView>;
  readonly #pods: Reflector<ExtenderPod, "uid">;
  readonly #options: ClusterWatchesOptions;
  /** Undefined once something has changed. */
  #view: Omit<World, "reservations"> | undefined;

  constructor(world: ReflectorWorld, options: ClusterWatchesOptions) {
    this.#options = options;
    this.#configs = startReflector(world, { resource: configs, transform: nodeView });
    this.#addresses = startReflector(world, { resource: addresses, transform: addressView });
    this.#claims = startReflector(world, { resource: claims, transform: claimView });
    this.#subnets = startReflector(world, { resource: subnets, transform: subnetView });
    // Those that are not bound: there is one decision to make of them.
    this.#pods = startReflector<Pod, ExtenderPod, "uid">(world, {
      resource: pods,
      fieldSelector: "spec.nodeName=",
      transform: podView,
      indexes: { uid: ({ metadata }) => [metadata.uid] },
    });
    this.#claims.subscribe((event) => {
      if (event.type === "added" || event.type === "modified") options.sawClaim(event.object);
    });
    const changed = () => {
      this.#view = undefined;
    };
    for (const reflector of [this.#configs, this.#addresses, this.#claims, this.#subnets])
      reflector.subscribe(changed);
  }

  /** Resolves with whether all watches have held a complete list; false when `signal` was aborted before. */
  async whenSynced(signal?: AbortSignal): Promise<boolean> {
    const synced = await Promise.all(this.#all().map(([, reflector]) => reflector.whenSynced(signal)));
    return synced.every(Boolean);
  }

  /** @throws Error while a watch has not held a complete list, or is too old to decide by */
  view(): Omit<World, "reservations"> {
    for (const [what, reflector] of this.#all()) {
      if (!reflector.hasSynced())
        throw new Error(`the ${what} of the cluster have not been read yet: it is tried again`);
      const age = reflector.age();
      if (age > OLDEST_MS) {
        throw new Error(
          `the ${what} of the cluster were last heard of ${Math.round(age / 1000)} s ago: it is tried again`,
        );
      }
    }
    this.#view ??= this.#build();
    return this.#view;
  }

  /** A pod that waits to be bound, as far as the watch has shown it. */
  podOf(uid: string): ExtenderPod | undefined {
    return this.#pods.store.index("uid", uid)[0];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all().map(([, reflector]) => reflector.stop()));
  }

  #all() {
    return [
      ["NodeENIConfigs", this.#configs],
      ["VpcIPs", this.#addresses],
      ["VpcIPClaims", this.#claims],
      ["VpcSubnets", this.#subnets],
      ["pods", this.#pods],
    ] as const;
  }

  #build(): Omit<World, "reservations"> {
    const known = this.#subnets.store.list();
    return {
      subnets: new Map(known.map((subnet) => [subnet.id, subnet])),
      nodes: new Map(this.#configs.store.list().map((node) => [node.name, node])),
      addresses: new Map(this.#addresses.store.list().map((known) => [known.address, known])),
      claims: new Map(this.#claims.store.list().map((claim) => [claim.key, claim])),
      configured: this.#options.onlyNominated ? [] : known.filter(({ active }) => active).map(({ id }) => id),
    };
  }
}

function nodeView({ metadata, status = {} }: NodeENIConfig): NodeView {
  const { zone = "", limit, eniInfos = [], subnetIDs = [], disabled = false } = status;
  return {
    name: metadata.name,
    zone,
    labelled: subnetIDs,
    enis: eniInfos.map(({ subnetID, addresses }) => ({ subnetId: subnetID, addresses })),
    limit: {
      enis: limit?.enis ?? 0,
      addressesPerEni: limit?.addressesPerENI ?? 0,
      addresses: limit?.addresses ?? 0,
    },
    disabled,
  };
}

function addressView({ metadata, spec }: VpcIP): AddressView {
  return {
    address: addressOfVpcIp(metadata.name),
    subnetId: spec.subnetID,
    node: spec.node,
    claim: spec.claim,
    createdAt: Date.parse(metadata.creationTimestamp ?? "") || 0,
  };
}

function claimView({ metadata, spec }: VpcIPClaim): ClaimView {
  return {
    key: keyOf(metadata.name, metadata.namespace),
    subnetId: spec.subnetID ?? "",
    address: spec.address,
    node: spec.node,
  };
}

function subnetView({ metadata, spec, status = {} }: VpcSubnet): SubnetView {
  return {
    id: metadata.name,
    zone: spec.zone,
    active: status.state === "Active",
    free: status.free,
    readAt: Date.parse(status.readAt ?? "") || 0,
  };
}

function podView({ metadata }: Pod): ExtenderPod {
  const { name, namespace = "", uid = "", annotations } = metadata;
  return { metadata: { name, namespace, uid, annotations: annotations ?? null } };
}
