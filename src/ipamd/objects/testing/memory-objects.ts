import type { NodeENIConfig } from "../../../api/node-eni-config.ts";
import type { VpcENI } from "../../../api/vpc-eni.ts";
import type { VpcIP } from "../../../api/vpc-ip.ts";
import type { VpcSubnet } from "../../../api/vpc-subnet.ts";
import type { KubeClient } from "../../../kube/kube-client.ts";
import { ClusterObjects } from "../cluster-objects.ts";

/** Objects of a cluster in memory, as watches would show them; what ipamd writes is kept as it was written. */
export interface MemoryObjects {
  readonly objects: ClusterObjects;
  readonly configs: Map<string, NodeENIConfig>;
  readonly enis: Map<string, VpcENI>;
  readonly addresses: Map<string, VpcIP>;
  readonly subnets: Map<string, VpcSubnet>;
  /** What was applied, on main resources and on `/status`. */
  readonly writes: { plural: string; object: object }[];
  /** Comes between what was stored, and its answer and the watch. */
  answered: (object: object) => Promise<void>;
}

export function createMemoryObjects(): MemoryObjects {
  const configs = new Map<string, NodeENIConfig>();
  const enis = new Map<string, VpcENI>();
  const addresses = new Map<string, VpcIP>();
  const subnets = new Map<string, VpcSubnet>();
  const kinds: Readonly<Record<string, Map<string, object>>> = {
    nodeeniconfigs: configs,
    vpcenis: enis,
    vpcips: addresses,
    vpcsubnets: subnets,
  };
  const writes: { plural: string; object: object }[] = [];
  /** Stored, and not shown by the watch yet. */
  const onTheWay = new Map<string, object>();
  let version = 0;

  async function apply(resource: { plural: string }, object: { metadata: { name: string } }): Promise<never> {
    const { name } = object.metadata;
    writes.push({ plural: resource.plural, object });
    const resourceVersion = `${++version}`;
    const before = await get(resource, name);
    const stored = {
      ...before,
      ...object,
      metadata: { uid: `uid of ${name}`, ...object.metadata, resourceVersion },
    };
    onTheWay.set(`${resource.plural}/${name}`, stored);
    await memory.answered(object);
    const latest = onTheWay.get(`${resource.plural}/${name}`);
    if (latest !== undefined) kinds[resource.plural]?.set(name, latest);
    onTheWay.delete(`${resource.plural}/${name}`);
    return stored as never;
  }

  async function get({ plural }: { plural: string }, name: string): Promise<object | undefined> {
    return onTheWay.get(`${plural}/${name}`) ?? kinds[plural]?.get(name);
  }
  const kube = { apply, applyStatus: apply, get } as unknown as KubeClient;

  const source = <T>(of: Map<string, T>) => ({
    store: { get: (name: string) => of.get(name), list: () => [...of.values()] },
  });
  const byNode = <T extends { spec: { node: string } }>(of: Map<string, T>) => ({
    store: {
      ...source(of).store,
      index: (_: "node", node: string) => [...of.values()].filter(({ spec }) => spec.node === node),
    },
  });
  const objects = new ClusterObjects(kube, {
    configs: source(configs),
    enis: byNode(enis),
    addresses: {
      store: {
        ...source(addresses).store,
        index: (by: "node" | "claim", value: string) =>
          [...addresses.values()].filter(({ spec }) => spec[by] === value),
      },
    },
    subnets: source(subnets),
  });
  const memory: MemoryObjects = {
    objects,
    configs,
    enis,
    addresses,
    subnets,
    writes,
    answered: async () => {},
  };
  return memory;
}
