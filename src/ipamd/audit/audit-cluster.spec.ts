import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { ENI_TAGS } from "../../api/eni-tags.ts";
import type { NodeENIConfig } from "../../api/node-eni-config.ts";
import type { VpcENI } from "../../api/vpc-eni.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
import type { VpcIPClaim } from "../../api/vpc-ip-claim.ts";
import type { VpcSubnet } from "../../api/vpc-subnet.ts";
import type { Eni, Instance } from "../../cloud/cloud-vpc.ts";
import { auditCluster } from "./audit-cluster.ts";
import { askedByDate, askedSince, type ClusterFacts } from "./cluster-facts.ts";
import type { FindingKind, Severity } from "./finding.ts";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const LONG_AGO = "2026-03-01T08:00:00Z";
const CLUSTER = { id: "cls-1", uid: "uid-of-kube-system" };
const API = { apiVersion: "networking.tke.cloud.tencent.com/v1" };

/** Facts that a test may change. */
interface World {
  cloud: Eni[];
  instances: Map<string, Pick<Instance, "id" | "state">>;
  enis: VpcENI[];
  addresses: VpcIP[];
  claims: VpcIPClaim[];
  configs: NodeENIConfig[];
  subnets: VpcSubnet[];
  configuredSubnets: string[];
  nodes: { metadata: { name: string }; spec: { providerID?: string } }[];
  cluster: { id: string; uid: string };
  asked: Map<string, number>;
  now: number;
}

/** For each node, for each of its ENIs, whether a pod holds each of its addresses. */
type Shape = readonly (readonly (readonly boolean[])[])[];

function subnet(name: string): VpcSubnet {
  return {
    ...API,
    kind: "VpcSubnet",
    metadata: { name },
    spec: { vpcID: "vpc-1", zone: "ap-1", cidr: "10.0.16.0/20" },
  };
}

/** A cluster in which cloud, objects and agents agree. */
function consistentWorld(shape: Shape): World {
  const world: World = {
    cloud: [],
    instances: new Map(),
    enis: [],
    addresses: [],
    claims: [],
    configs: [],
    subnets: [subnet("subnet-1")],
    configuredSubnets: ["subnet-1"],
    nodes: [],
    cluster: CLUSTER,
    asked: new Map(),
    now: NOW,
  };
  for (const [n, enis] of shape.entries()) addNode(world, { node: `node-${n}`, instance: `ins-${n}`, enis });
  return world;
}

function addNode(
  world: World,
  { node, instance, enis }: { node: string; instance: string; enis: readonly (readonly boolean[])[] },
): void {
  world.nodes.push({ metadata: { name: node }, spec: { providerID: `qcloud:///100001/${instance}` } });
  world.instances.set(instance, { id: instance, state: "running" });
  for (const held of enis) addEni(world, { node, instance, held });
  const own = world.enis.filter(({ spec }) => spec.node === node);
  world.configs.push({
    ...API,
    kind: "NodeENIConfig",
    metadata: { name: node },
    spec: {},
    status: {
      instanceID: instance,
      eniInfos: own.map(({ metadata, spec }) => ({
        eniID: metadata.name,
        mac: spec.mac,
        subnetID: spec.subnetID,
        subnetCIDR: spec.subnetCIDR,
        primaryIP: spec.primaryIP,
        addresses: 0,
      })),
      use: { inUse: enis.flat().filter(Boolean).length, free: 0, coolingDown: 0, allocatable: 0 },
    },
  });
}

function addEni(
  world: World,
  { node, instance, held }: { node: string; instance: string; held: readonly boolean[] },
): void {
  const number = world.enis.length + 1;
  const id = `eni-${number}`;
  const mac = `20:90:6f:00:00:${number.toString(16).padStart(2, "0")}`;
  const primaryAddress = `10.0.${16 + number}.1`;
  const addresses = held.map((_, at) => `10.0.${16 + number}.${at + 2}`);
  world.cloud.push({
    id,
    name: id,
    mac,
    vpcId: "vpc-1",
    subnetId: "subnet-1",
    zone: "ap-1",
    primary: false,
    state: "available",
    instanceId: instance,
    primaryAddress,
    addresses: addresses.map((address) => ({ address, state: "available" })),
    tags: [
      { key: ENI_TAGS.clusterId, value: CLUSTER.id },
      { key: ENI_TAGS.clusterUid, value: CLUSTER.uid },
      { key: ENI_TAGS.node, value: node },
      { key: ENI_TAGS.nonce, value: `nonce-${number}` },
    ],
  });
  const metadata = { uid: `uid-${id}`, creationTimestamp: LONG_AGO };
  world.enis.push({
    ...API,
    kind: "VpcENI",
    metadata: { ...metadata, name: id },
    spec: {
      type: "Shared",
      node,
      instanceID: instance,
      mac,
      subnetID: "subnet-1",
      subnetCIDR: "10.0.16.0/20",
      gateway: "10.0.16.1",
      primaryIP: primaryAddress,
      intent: "Attached",
    },
    status: {
      cloud: { state: "Attached", addresses: addresses.length, usage: "", since: LONG_AGO },
      use: { state: "Ready", ifName: "eth1", since: LONG_AGO },
    },
  });
  for (const [at, address] of addresses.entries()) {
    world.addresses.push({
      ...API,
      kind: "VpcIP",
      metadata: { ...metadata, name: address },
      spec: { type: "Pod", subnetID: "subnet-1", eniID: id, node, instanceID: instance },
      status: {
        cloud: { state: "Assigned", since: LONG_AGO },
        use: held[at]
          ? {
              state: "InUse",
              pod: `shop/web-${address}`,
              containerID: `c-${address}`,
              since: LONG_AGO,
            }
          : { state: "Free", since: LONG_AGO },
      },
    });
  }
}

/** The one that the test is about: it is chosen out of all. */
class Picked {
  readonly world: World;
  readonly #at: number;

  constructor(world: World, at: number) {
    this.world = world;
    this.#at = at;
  }

  of<T>(all: readonly T[]): T {
    fc.pre(all.length > 0);
    return all[this.#at % all.length] as T;
  }

  get eni(): Eni {
    return this.of(this.world.cloud);
  }

  get veni(): VpcENI {
    return this.of(this.world.enis);
  }

  get free(): VpcIP {
    return this.of(this.world.addresses.filter(({ status }) => status?.use?.state === "Free"));
  }

  get held(): VpcIP {
    return this.of(this.world.addresses.filter(({ status }) => status?.use?.state === "InUse"));
  }

  get vip(): VpcIP {
    return this.of(this.world.addresses);
  }

  get config(): NodeENIConfig & { status: NonNullable<NodeENIConfig["status"]> } {
    const { status = {}, ...config } = this.of(this.world.configs);
    const picked = { ...config, status };
    this.world.configs = this.world.configs.map((c) => (c.metadata === config.metadata ? picked : c));
    return picked;
  }

  eniOf(vip: VpcIP): Eni {
    return this.of(this.world.cloud.filter(({ id }) => id === vip.spec.eniID));
  }
}

/** A claim of a pod's that keeps an address. */
function claimOf(pod: string, address: string, state?: "Bound" | "Kept"): VpcIPClaim {
  return {
    ...API,
    kind: "VpcIPClaim",
    metadata: { namespace: "shop", name: pod, creationTimestamp: LONG_AGO },
    spec: { policy: "Never", address, subnetID: "subnet-1" },
    ...(state && { status: { state } }),
  };
}

function retag(eni: Eni, key: string, value?: string): void {
  eni.tags = [...eni.tags.filter((tag) => tag.key !== key), ...(value === undefined ? [] : [{ key, value }])];
}

function takeOff(eni: Eni, address: string): void {
  eni.addresses = eni.addresses.filter((a) => a.address !== address);
}

function without<T extends { metadata: { name: string } }>(objects: readonly T[], name: string): T[] {
  return objects.filter(({ metadata }) => metadata.name !== name);
}

/** A disagreement: how it comes about, and the finding that it must give. `plant` returns what the finding names. */
type Plant = [
  what: string,
  kind: FindingKind,
  severity: Severity,
  plant: (picked: Picked, world: World) => string,
];

const plants: Plant[] = [
  [
    "an address for a claim that is not there",
    "address-of-unknown-claim",
    "repairs-itself",
    ({ vip }) => {
      vip.spec.claim = "shop/db-0";
      return vip.metadata.name;
    },
  ],
  [
    "two claims of one address",
    "address-of-two-claims",
    "quarantined",
    ({ free }, world) => {
      const address = free.metadata.name;
      free.spec.claim = "shop/db-0";
      world.claims = [claimOf("db-0", address, "Bound"), claimOf("db-1", address, "Kept")];
      return address;
    },
  ],
  [
    "a claim's address that any pod would be given",
    "address-not-for-its-claim",
    "repairs-itself",
    ({ free }, world) => {
      world.claims = [claimOf("db-0", free.metadata.name, "Kept")];
      return "shop/db-0";
    },
  ],
  [
    "a claim's address that a pod of another name has",
    "address-not-for-its-claim",
    "quarantined",
    ({ held }, world) => {
      world.claims = [claimOf("db-0", held.metadata.name, "Kept")];
      return "shop/db-0";
    },
  ],
  [
    "a claim's address that is for a claim which keeps nothing",
    "address-not-for-its-claim",
    "quarantined",
    ({ held }, world) => {
      const address = held.metadata.name;
      held.spec.claim = `shop/web-${address}`;
      const passing = claimOf(`web-${address}`, address, "Bound");
      world.claims = [
        { ...passing, spec: { ...passing.spec, policy: "Immediate" } },
        claimOf("db-0", address, "Kept"),
      ];
      return "shop/db-0";
    },
  ],
  [
    "a kept address that was taken off its ENI in the console",
    "kept-address-not-assigned",
    "note",
    (picked, world) => {
      const { free } = picked;
      const { name } = free.metadata;
      takeOff(picked.eniOf(free), name);
      world.addresses = without(world.addresses, name);
      world.claims = [claimOf("db-0", name, "Kept")];
      return "shop/db-0";
    },
  ],
  [
    "an ENI that lost its object",
    "eni-without-object",
    "repairs-itself",
    ({ eni }, world) => {
      world.enis = without(world.enis, eni.id);
      return eni.id;
    },
  ],
  [
    "an ENI of a Node that is gone, without object",
    "eni-without-object",
    "repairs-itself",
    ({ eni }, world) => {
      world.enis = without(world.enis, eni.id);
      retag(eni, ENI_TAGS.node, "node-that-was");
      return eni.id;
    },
  ],
  [
    "an ENI that was deleted in the console",
    "eni-object-without-eni",
    "repairs-itself",
    ({ eni, veni }, world) => {
      world.cloud = world.cloud.filter(({ id }) => id !== eni.id);
      veni.status = { ...veni.status, use: { state: "NoLink", since: LONG_AGO } };
      return eni.id;
    },
  ],
  [
    "an ENI that lost its tags, so that the cloud does not show it",
    "eni-object-without-eni",
    "quarantined",
    ({ eni }, world) => {
      world.cloud = world.cloud.filter(({ id }) => id !== eni.id);
      return eni.id;
    },
  ],
  [
    "an ENI that was attached to another instance",
    "eni-on-another-instance",
    "quarantined",
    ({ eni }) => {
      eni.instanceId = "ins-other";
      return eni.id;
    },
  ],
  [
    "an ENI that was detached in the console",
    "eni-not-attached",
    "repairs-itself",
    ({ eni }) => {
      delete eni.instanceId;
      return eni.id;
    },
  ],
  [
    "an object with another MAC address than its ENI",
    "eni-object-differs",
    "quarantined",
    ({ veni }) => {
      veni.spec.mac = "20:90:6f:ff:ff:ff";
      return veni.metadata.name;
    },
  ],
  [
    "two objects of one MAC address",
    "mac-of-two-objects",
    "quarantined",
    ({ veni }, world) => {
      world.enis.push({ ...veni, metadata: { ...veni.metadata, name: "eni-twin" } });
      return veni.metadata.name;
    },
  ],
  [
    "an ENI of another cluster of the same id",
    "foreign-eni",
    "quarantined",
    ({ eni }) => {
      retag(eni, ENI_TAGS.clusterUid, "uid-of-another");
      return eni.id;
    },
  ],
  [
    "an ENI without the UID of any cluster",
    "foreign-eni",
    "quarantined",
    ({ eni }) => {
      retag(eni, ENI_TAGS.clusterUid);
      return eni.id;
    },
  ],
  [
    "a primary ENI with our tags",
    "primary-eni-tagged",
    "quarantined",
    ({ eni }, world) => {
      world.cloud.push({ ...eni, id: "eni-primary", primary: true });
      return "eni-primary";
    },
  ],
  [
    "an ENI without the tag of its node",
    "eni-without-node-tag",
    "note",
    ({ eni }) => {
      retag(eni, ENI_TAGS.node);
      return eni.id;
    },
  ],
  [
    "an ENI without the tag of its node, and without object",
    "eni-without-node-tag",
    "quarantined",
    ({ eni }, world) => {
      world.enis = without(world.enis, eni.id);
      retag(eni, ENI_TAGS.node);
      return eni.id;
    },
  ],
  [
    "an ENI that is tagged for another node",
    "eni-tagged-for-another-node",
    "note",
    ({ eni }) => {
      retag(eni, ENI_TAGS.node, "node-other");
      return eni.id;
    },
  ],
  [
    "an address that lost its object",
    "address-without-object",
    "repairs-itself",
    ({ vip: { metadata } }, world) => {
      world.addresses = without(world.addresses, metadata.name);
      return metadata.name;
    },
  ],
  [
    "an address that was added in the console",
    "address-without-object",
    "repairs-itself",
    ({ eni }) => {
      eni.addresses = [...eni.addresses, { address: "10.0.99.9", state: "available" }];
      return "10.0.99.9";
    },
  ],
  [
    "a free address that was taken off its ENI",
    "address-object-without-address",
    "repairs-itself",
    (picked) => {
      const { free } = picked;
      takeOff(picked.eniOf(free), free.metadata.name);
      return free.metadata.name;
    },
  ],
  [
    "an address in use that was taken off its ENI",
    "in-use-not-in-cloud",
    "repairs-itself",
    (picked) => {
      const { held } = picked;
      takeOff(picked.eniOf(held), held.metadata.name);
      return held.metadata.name;
    },
  ],
  [
    "an address whose object names an ENI that is not there",
    "address-on-another-eni",
    "repairs-itself",
    ({ vip }) => {
      vip.spec.eniID = "eni-other";
      return vip.metadata.name;
    },
  ],
  [
    "a free address whose object names another node than its ENI's",
    "address-object-differs",
    "repairs-itself",
    ({ free }, world) => {
      addNode(world, { node: "node-other", instance: "ins-other", enis: [] });
      Object.assign(free.spec, { node: "node-other", instanceID: "ins-other" });
      return free.metadata.name;
    },
  ],
  [
    "an address in use whose object names another node than its ENI's",
    "address-object-differs",
    "quarantined",
    ({ held }, world) => {
      addNode(world, { node: "node-other", instance: "ins-other", enis: [] });
      Object.assign(held.spec, { node: "node-other", instanceID: "ins-other" });
      return held.metadata.name;
    },
  ],
  [
    "two agents that hold one address",
    "address-held-twice",
    "quarantined",
    ({ held }, world) => {
      addNode(world, { node: "node-other", instance: "ins-other", enis: [] });
      world.addresses.push({
        ...held,
        spec: { ...held.spec, node: "node-other", instanceID: "ins-other" },
        status: { use: { state: "InUse", containerID: "c-other", since: LONG_AGO } },
      });
      return held.metadata.name;
    },
  ],
  [
    "an IPv6 address, of which ipamd does not know what the cloud says",
    "address-not-served",
    "quarantined",
    ({ vip }, world) => {
      const name = "2001-0db8-0000-0000-0000-0000-0000-0005";
      world.addresses.push({ ...vip, metadata: { ...vip.metadata, name } });
      return "2001:db8::5";
    },
  ],
  [
    "an agent without a link for an ENI that is attached",
    "link-missing",
    "quarantined",
    ({ veni }) => {
      veni.status = { ...veni.status, use: { state: "NoLink", since: LONG_AGO } };
      return veni.metadata.name;
    },
  ],
  [
    "an agent whose link has no carrier",
    "link-missing",
    "quarantined",
    ({ veni }) => {
      veni.status = { ...veni.status, use: { state: "LinkDown", since: LONG_AGO } };
      return veni.metadata.name;
    },
  ],
  [
    "an agent that says nothing",
    "agent-silent",
    "note",
    ({ veni }) => {
      veni.status = {};
      return veni.metadata.name;
    },
  ],
  [
    "an ENI that is promised back while a pod holds an address of it",
    "promised-in-use",
    "quarantined",
    ({ held }, world) => {
      const veni = world.enis.find(({ metadata }) => metadata.name === held.spec.eniID);
      if (veni) veni.status = { use: { state: "Reclaimable", token: "t", since: LONG_AGO } };
      return held.metadata.name;
    },
  ],
  [
    "an agent that knows of more addresses in use than objects show",
    "in-use-unknown",
    "note",
    ({ config }) => {
      config.status.use = { inUse: 999, free: 0, coolingDown: 0, allocatable: 0 };
      return config.metadata.name;
    },
  ],
  [
    "ENIs of a Node that is gone",
    "node-gone",
    "repairs-itself",
    ({ veni }, world) => {
      world.nodes = without(world.nodes, veni.spec.node);
      return veni.metadata.name;
    },
  ],
  [
    "addresses of a Node that is gone",
    "node-gone",
    "repairs-itself",
    ({ vip }, world) => {
      world.nodes = without(world.nodes, vip.spec.node);
      return vip.metadata.name;
    },
  ],
  [
    "an address that a pod keeps beyond its Node",
    "kept-without-node",
    "note",
    ({ vip }, world) => {
      vip.spec.claim = "shop/web-0";
      world.nodes = without(world.nodes, vip.spec.node);
      return vip.metadata.name;
    },
  ],
  [
    "a NodeENIConfig of a Node that is gone",
    "node-gone",
    "repairs-itself",
    ({ config: { metadata } }, world) => {
      world.nodes = without(world.nodes, metadata.name);
      return metadata.name;
    },
  ],
  [
    "another machine under the same name",
    "former-instance",
    "repairs-itself",
    ({ veni }, world) => {
      for (const node of world.nodes) {
        if (node.metadata.name === veni.spec.node) node.spec.providerID = "qcloud:///100001/ins-successor";
      }
      return veni.metadata.name;
    },
  ],
  [
    "an instance that the cloud does not know",
    "instance-gone",
    "repairs-itself",
    ({ veni }, world) => {
      world.instances.delete(veni.spec.instanceID);
      return veni.metadata.name;
    },
  ],
  [
    "an instance that is terminated",
    "instance-gone",
    "repairs-itself",
    ({ veni: { metadata, spec } }, world) => {
      world.instances.set(spec.instanceID, { id: spec.instanceID, state: "terminated" });
      return metadata.name;
    },
  ],
  [
    "a NodeENIConfig that names another instance",
    "config-names-another-instance",
    "repairs-itself",
    ({ config }) => {
      config.status.instanceID = "ins-other";
      return config.metadata.name;
    },
  ],
  [
    "a NodeENIConfig that lists an ENI which has no object",
    "config-lists-other-enis",
    "repairs-itself",
    ({ config }) => {
      const more = {
        eniID: "eni-other",
        mac: "",
        subnetID: "",
        subnetCIDR: "",
        primaryIP: "",
        addresses: 0,
      };
      config.status.eniInfos = [...(config.status.eniInfos ?? []), more];
      return config.metadata.name;
    },
  ],
  [
    "an intent to make an ENI that nobody has settled",
    "intent-stale",
    "repairs-itself",
    ({ config }) => {
      config.status.creating = { nonce: "n", subnetID: "subnet-1", addresses: 5, since: LONG_AGO };
      return config.metadata.name;
    },
  ],
  [
    "a request for an address that no agent answers",
    "reclaim-unanswered",
    "quarantined",
    ({ free }, world) => {
      free.spec.reclaim = { token: "t1", mode: "when-free" };
      world.asked.set("t1", NOW - 180_000);
      return free.metadata.name;
    },
  ],
  [
    "a request for an ENI that no agent answers",
    "reclaim-unanswered",
    "quarantined",
    ({ veni }, world) => {
      veni.spec.reclaim = { token: "t1", mode: "now" };
      world.asked.set("t1", NOW - 180_000);
      return veni.metadata.name;
    },
  ],
  [
    "an answer to another token than the one that is out",
    "reclaim-unanswered",
    "quarantined",
    ({ free }, world) => {
      free.spec.reclaim = { token: "t2", mode: "now" };
      world.asked.set("t2", NOW - 180_000);
      free.status = { use: { state: "Reclaimable", token: "t1", since: LONG_AGO } };
      return free.metadata.name;
    },
  ],
  [
    "an address that is being deleted for hours",
    "deletion-stuck",
    "note",
    ({ vip }) => {
      vip.metadata.deletionTimestamp = LONG_AGO;
      return vip.metadata.name;
    },
  ],
  [
    "an ENI that is being deleted for hours",
    "deletion-stuck",
    "note",
    ({ veni }) => {
      veni.metadata.deletionTimestamp = LONG_AGO;
      return veni.metadata.name;
    },
  ],
  [
    "a subnet that is configured and that nobody knows",
    "subnet-unknown",
    "quarantined",
    (_, world) => {
      world.configuredSubnets.push("subnet-mistyped");
      return "subnet-mistyped";
    },
  ],
  [
    "a subnet that has ENIs and no object",
    "subnet-unknown",
    "note",
    ({ veni }, world) => {
      world.subnets = [];
      world.configuredSubnets = [];
      return veni.spec.subnetID;
    },
  ],
];

const shapes = fc.array(
  fc.array(fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 }),
  { minLength: 1, maxLength: 3 },
);

describe("auditCluster()", () => {
  it("finds nothing where cloud, objects and agents agree", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.array(fc.boolean()))), (shape) => {
        expect(auditCluster(consistentWorld(shape))).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it.each(plants)("finds %s: %s, %s", (_what, kind, severity, plant) => {
    fc.assert(
      fc.property(shapes, fc.nat(100), (shape, at) => {
        const world = consistentWorld(shape);
        const name = plant(new Picked(world, at), world);
        const found = auditCluster(world).filter((f) => f.kind === kind && f.subject.name === name);
        expect(found.map((f) => f.severity)).toEqual([severity]);
        expect(found[0]?.detail).toContain(name);
        expect(found[0]?.remedy).not.toBe("");
      }),
      { numRuns: 30 },
    );
  });

  it("has a test for each kind of finding", () => {
    const world = consistentWorld([[[true, false]], [[true, false], [true]]]);
    expect(auditCluster(world)).toEqual([]);
    const kinds = new Set(plants.map(([, kind]) => kind));
    const all: Record<FindingKind, true> = {
      "foreign-eni": true,
      "primary-eni-tagged": true,
      "eni-without-object": true,
      "eni-without-node-tag": true,
      "eni-tagged-for-another-node": true,
      "eni-object-without-eni": true,
      "eni-object-differs": true,
      "eni-on-another-instance": true,
      "eni-not-attached": true,
      "mac-of-two-objects": true,
      "address-without-object": true,
      "address-object-without-address": true,
      "address-on-another-eni": true,
      "address-object-differs": true,
      "address-held-twice": true,
      "address-not-served": true,
      "address-of-unknown-claim": true,
      "address-of-two-claims": true,
      "address-not-for-its-claim": true,
      "kept-address-not-assigned": true,
      "in-use-not-in-cloud": true,
      "in-use-unknown": true,
      "promised-in-use": true,
      "link-missing": true,
      "agent-silent": true,
      "node-gone": true,
      "kept-without-node": true,
      "former-instance": true,
      "instance-gone": true,
      "config-names-another-instance": true,
      "config-lists-other-enis": true,
      "intent-stale": true,
      "reclaim-unanswered": true,
      "deletion-stuck": true,
      "subnet-unknown": true,
    };
    expect([...kinds].toSorted()).toEqual((Object.keys(all) as FindingKind[]).toSorted());
  });

  it("finds nothing more of an IPv6 address, and that it goes with its ENI", () => {
    const world = consistentWorld([[[true]]]);
    const metadata = { name: "2001-0db8-0000-0000-0000-0000-0000-0005", creationTimestamp: LONG_AGO };
    const [ipv4] = world.addresses;
    world.addresses.push({ ...(ipv4 as VpcIP), metadata });
    expect(auditCluster(world).map(({ kind }) => kind)).toEqual(["address-not-served"]);
    // Of the two that the agent says are in use, its count is of the one that it serves.
    world.addresses.shift();
    takeOff(world.cloud[0] as Eni, "10.0.17.2");
    expect(auditCluster(world).map(({ kind }) => kind)).toEqual(["address-not-served", "in-use-unknown"]);
    world.cloud = [];
    expect(auditCluster(world).find(({ subject }) => subject.name === "2001:db8::5")).toMatchObject({
      kind: "in-use-not-in-cloud",
      severity: "repairs-itself",
    });
  });

  it("puts what waits for a person first", () => {
    const world = consistentWorld([[[true, false]]]);
    world.addresses = without(world.addresses, "10.0.17.3");
    world.configuredSubnets.push("subnet-mistyped");
    expect(auditCluster(world).map(({ severity }) => severity)).toEqual(["quarantined", "repairs-itself"]);
  });

  describe("lets what is under way be:", () => {
    const world = () => consistentWorld([[[true, false]]]);
    const aMomentAgo = new Date(NOW - 20_000).toISOString();
    const first = <T>(all: readonly T[]): T => all[0] as T;

    it.each<[string, (w: World) => void]>([
      [
        "an ENI that is being made by an intent",
        (w) => {
          w.enis = [];
          w.addresses = [];
          const { creating: _, ...status } = first(w.configs).status ?? {};
          w.configs = [
            {
              ...first(w.configs),
              status: {
                ...status,
                eniInfos: [],
                use: { inUse: 0, free: 0, coolingDown: 0, allocatable: 0 },
                creating: { nonce: "nonce-1", subnetID: "subnet-1", addresses: 2, since: aMomentAgo },
              },
            },
          ];
        },
      ],
      [
        "an ENI that is being attached",
        (w) => {
          Object.assign(first(w.cloud), { state: "attaching" });
          delete first(w.cloud).instanceId;
        },
      ],
      [
        "an address that is being assigned, and one that is being taken off",
        (w) => {
          first(w.cloud).addresses = [
            ...first(w.cloud).addresses,
            { address: "10.0.99.1", state: "pending" },
            { address: "10.0.99.2", state: "deleting" },
          ];
        },
      ],
      [
        "an address that was taken off a moment ago, before its object goes",
        (w) => {
          takeOff(first(w.cloud), "10.0.17.3");
          const vip = w.addresses[1];
          if (vip) {
            vip.status = {
              cloud: { state: "Releasing", since: aMomentAgo },
              use: { state: "Reclaimable", token: "t", since: aMomentAgo },
            };
          }
        },
      ],
      [
        "a link that has just been plugged in",
        (w) => {
          first(w.enis).status = { use: { state: "NoLink", since: aMomentAgo } };
        },
      ],
      [
        "a request that waits for a pod to end, as it should",
        (w) => {
          first(w.addresses).spec.reclaim = { token: "t", mode: "when-free" };
          first(w.enis).spec.reclaim = { token: "t-eni", mode: "when-free" };
        },
      ],
      [
        "a request that was made a moment ago",
        (w) => {
          first(w.enis).spec.reclaim = { token: "t", mode: "now" };
          w.asked.set("t", NOW - 5_000);
        },
      ],
      [
        "a claim that keeps nothing, one whose address awaits its pod, and one that is going",
        (w) => {
          const { name } = first(w.addresses).metadata;
          const going = claimOf("db-2", name, "Kept");
          w.claims = [
            { ...claimOf("db-0", name), spec: { policy: "Immediate", address: name } },
            claimOf("db-1", "10.0.99.1"),
            { ...going, metadata: { ...going.metadata, deletionTimestamp: aMomentAgo } },
          ];
        },
      ],
      [
        "a request of which nobody knows how long it has been out",
        (w) => {
          first(w.enis).spec.reclaim = { token: "t", mode: "now" };
        },
      ],
    ])("%s", (_, change) => {
      const changed = world();
      change(changed);
      expect(auditCluster(changed)).toEqual([]);
    });
  });
});

it("askedSince() keeps when a token was first seen, for as long as it is out", () => {
  const world = consistentWorld([[[true]]]);
  const vip = world.addresses[0];
  if (vip) vip.spec.reclaim = { token: "t1", mode: "now" };
  const first = askedSince(new Map(), { ...world, now: 5 } satisfies ClusterFacts);
  expect([...first]).toEqual([["t1", 5]]);
  expect([...askedSince(first, { ...world, now: 9 })]).toEqual([["t1", 5]]);
  delete vip?.spec.reclaim;
  expect([...askedSince(first, { ...world, now: 12 })]).toEqual([]);
});

describe("askedByDate()", () => {
  const ofManager = (manager: string, time: string, subresource?: string) => ({
    manager,
    operation: "Apply",
    time,
    ...(subresource && { subresource }),
  });
  const dates = (...managedFields: object[]) => {
    const world = consistentWorld([[[true]]]);
    const [vip] = world.addresses;
    if (vip === undefined) throw new Error("the world has no address");
    vip.spec.reclaim = { token: "t1", mode: "now" };
    vip.metadata = { ...vip.metadata, ...{ managedFields } };
    return [...askedByDate(world)];
  };

  it("takes a token to be out since ipamd last changed the spec", () => {
    expect(
      dates(
        ofManager("tke-eni-agent", "2026-03-01T11:00:00Z", "status"),
        ofManager("tke-eni-ipamd", "2026-03-01T11:59:00Z", "status"),
        ofManager("tke-eni-ipamd", "2026-03-01T11:50:00Z"),
      ),
    ).toEqual([["t1", Date.parse("2026-03-01T11:50:00Z")]]);
  });

  it("knows nothing of one without such a note", () => {
    expect(dates()).toEqual([]);
    expect(dates(ofManager("kubectl", "2026-03-01T11:50:00Z"))).toEqual([]);
  });
});
