import { boundCount, eniOf } from "../../src/agent/pool/bound-address.ts";
import { ENI_TAGS } from "../../src/api/eni-tags.ts";
import type { NodeENIConfigStatus } from "../../src/api/node-eni-config.ts";
import { addressOfVpcIp } from "../../src/api/vpc-ip-name.ts";
import { textAt } from "../../src/sim/kube/served-kind.ts";
import type { JsonObject } from "../../src/sim/kube/shape.ts";
import type { Eni } from "../../src/sim/vpc/state.ts";
import { isKept, unrestOfClaims } from "./claims-at-rest.ts";
import { limitsOf } from "./node-limits.ts";
import type { Host, World } from "./world.ts";

/** What a node may say when nothing is in its way but what people set and how much there is. */
const AT_REST: ReadonlySet<string> = new Set([
  "Serving",
  "SubnetFull",
  "QuotaReached",
  "ENIFull",
  "Disabled",
]);

/**
 * Why the world is not at rest as it should be: each pod has its address, each node has as many as it should, and cloud, objects and
 * agents say the same; undefined when it is.
 */
export function unrest(world: World): string | undefined {
  if (world.awaited > 0) return "something is to come back";
  const { state } = world.cloud.simulator;
  const ours = [...state.enis.values()].filter((eni) =>
    eni.tags.some(({ key }) => key === ENI_TAGS.clusterId),
  );
  for (const eni of ours) {
    const problem = unrestOfEni(world, eni);
    if (problem !== undefined) return problem;
  }
  const known = new Set(ours.map(({ eniId }) => eniId));
  const stray = world.server
    .objects("vpcenis")
    .map(nameOf)
    .find((name) => !known.has(name));
  if (stray !== undefined) return `the VpcENI ${stray} stands for no ENI`;
  for (const pod of world.pods()) {
    const problem = unrestOfPod(world, pod);
    if (problem !== undefined) return problem;
  }
  for (const host of world.hosts.values()) {
    const problem = unrestOfHost(world, host, ours);
    if (problem !== undefined) return `${host.machine.nodeName}: ${problem}`;
  }
  const problem = world.settings.claims && unrestOfClaims(world);
  if (problem !== undefined) return problem;
  // What keeps an address on an ENI of a node that is gone waits there for the next pod of its name.
  const kept = world.server.objects("vpcenis").filter((veni) => isKept(world, nameOf(veni)));
  const names = new Set([...world.hosts.keys(), ...kept.map((veni) => textAt(veni, "spec.node"))]);
  const orphan = world.server.objects("nodeeniconfigs").find((nec) => !names.has(nameOf(nec)));
  if (orphan !== undefined) return `the NodeENIConfig ${nameOf(orphan)} is of no node`;
  const address = world.server.objects("vpcips").find((vip) => !names.has(textAt(vip, "spec.node")));
  if (address !== undefined) return `the VpcIP ${nameOf(address)} is of no node`;
  return undefined;
}

function unrestOfEni(world: World, eni: Eni): string | undefined {
  const { eniId, state, attachment } = eni;
  if (state !== "AVAILABLE" || eni.addresses.some((address) => address.state !== "AVAILABLE")) {
    return `${eniId} is ${state} in the cloud, with something under way`;
  }
  const host = [...world.hosts.values()].find(({ machine }) => machine.instanceId === attachment?.instanceId);
  if (host === undefined && attachment === undefined && isKept(world, eniId)) return undefined;
  if (host === undefined) return `${eniId} is an orphan: attached to ${attachment?.instanceId ?? "nothing"}`;
  const veni = world.server.objects("vpcenis").find((object) => nameOf(object) === eniId);
  if (veni === undefined) return `${eniId} has no VpcENI`;
  const isAwaited = textAt(veni, "spec.reclaim.mode") === "when-free" && isSentBy(world, host, eniId);
  if (textAt(veni, "spec.intent") !== "Attached" && !isAwaited) return `${eniId} is to be released`;
  return undefined;
}

/** Whether a pod sends by an ENI although its address is on another one, where somebody has taken it: the ENI goes when the pod does. */
function isSentBy(world: World, host: Host, eniId: string): boolean {
  const records = [...(world.poolOf(host)?.state.addresses.values() ?? [])];
  return records.some(
    (record) => record.holding.kind === "in-use" && record.eniId === eniId && eniOf(record) !== eniId,
  );
}

function unrestOfPod(world: World, pod: JsonObject): string | undefined {
  const name = nameOf(pod);
  const phase = textAt(pod, "status.phase");
  if (phase === "Succeeded" || phase === "Failed") return `${name} has ended and is there`;
  if (textAt(pod, "metadata.deletionTimestamp") !== "") return `${name} is being deleted`;
  const node = textAt(pod, "spec.nodeName");
  if (node === "") return `${name} has no node`;
  if (!world.hosts.get(node)?.machine.isOn) return `${name} is on ${node}, which does not run`;
  if (phase !== "Running") return `${name} on ${node} is ${phase}`;
  return undefined;
}

function unrestOfHost(world: World, host: Host, ours: readonly Eni[]): string | undefined {
  const { machine } = host;
  const { nodeName, instanceId } = machine;
  const enis = ours.filter((eni) => eni.attachment?.instanceId === instanceId);
  const inCloud = enis.flatMap((eni) =>
    eni.addresses.filter(({ primary }) => !primary).map(({ address }) => address),
  );
  const isHere = (eniId: string) => enis.some((eni) => eni.eniId === eniId);
  // One that was let go of, and keeps an address of a claim, is attached to nothing until that is wanted elsewhere.
  const vips = world.server
    .objects("vpcips")
    .filter((vip) => textAt(vip, "spec.node") === nodeName)
    .filter((vip) => isHere(textAt(vip, "spec.eniID")) || !isKept(world, textAt(vip, "spec.eniID")));
  const difference = new Set(inCloud).symmetricDifference(
    new Set(vips.map((vip) => addressOfVpcIp(nameOf(vip)))),
  );
  if (difference.size > 0) return `cloud and VpcIPs differ in ${[...difference].join(", ")}`;
  const asked = vips.find((vip) => textAt(vip, "spec.reclaim.token") !== "" && !isPromised(vip));
  if (asked !== undefined) return `${nameOf(asked)} is asked back`;
  const nec = world.server.objects("nodeeniconfigs").find((object) => nameOf(object) === nodeName);
  if (nec === undefined) return "it has no NodeENIConfig";
  if (textAt(nec, "status.creating.nonce") !== "") return "an ENI is being made";
  const told = (nec["status"] as NodeENIConfigStatus | undefined)?.conditions?.find(
    ({ type }) => type === "Ready",
  );
  if (told !== undefined && !AT_REST.has(told.reason)) return `it says ${told.reason}: ${told.message}`;

  const pods = world
    .podsOf(nodeName)
    .filter((pod) => !["Succeeded", "Failed"].includes(textAt(pod, "status.phase")));
  const limits = limitsOf(world, host);
  const { warm, addressesPerEni = Number.POSITIVE_INFINITY } = limits;
  if (limits.disabled !== (told?.reason === "Disabled")) return `it says ${told?.reason}, and should not`;
  // What claims keep stays on its ENI, however few that may have since.
  const isKeptOnly = (eniId: string) =>
    vips.every((vip) => textAt(vip, "spec.eniID") !== eniId || textAt(vip, "spec.claim") !== "");
  const crowded = enis.find(
    ({ eniId, addresses }) => addresses.length - 1 > addressesPerEni && !isKeptOnly(eniId),
  );
  if (crowded !== undefined)
    return `${crowded.eniId} has ${crowded.addresses.length - 1} addresses, above the ${addressesPerEni} that it may have`;
  const isFixed = world.settings.claims !== undefined;
  // What a claim keeps stays whether or not its pod is there.
  const spokenFor = isFixed ? vips.filter((vip) => textAt(vip, "spec.claim") !== "").length : pods.length;
  const least = Math.min(spokenFor + warm.min, limits.least);
  // What pods hold stays, whatever was set since.
  const most = Math.max(spokenFor, Math.min(spokenFor + warm.max, limits.most));
  if (inCloud.length < least && !isDry(world, host))
    return `${inCloud.length} addresses for ${spokenFor} that are wanted: below ${least}`;
  if (inCloud.length > most)
    return `${inCloud.length} addresses for ${spokenFor} that are wanted: above ${most}`;
  const empty =
    isFixed && enis.find(({ eniId, addresses }) => addresses.length <= 1 && !isSentBy(world, host, eniId));
  if (empty) return `${empty.eniId} has no address for a pod, and is still there`;

  const pool = world.poolOf(host);
  if (pool === undefined || !pool.state.open) return "its agent does not serve";
  const usable = boundCount(pool.state) + vips.filter(isPromised).length;
  if (usable !== inCloud.length) return `its agent has ${usable} addresses, the cloud ${inCloud.length}`;
  const held = [...pool.state.addresses.values()]
    .filter(({ holding }) => holding.kind === "in-use")
    .map(({ address }) => address);
  const standing = [...machine.veths.values()].map(({ address }) => address);
  const dead = standing.find((address) => !machine.isReached(address));
  if (dead !== undefined) return `a pod holds ${dead}, which the cloud has nowhere here`;
  const lost = new Set(held).symmetricDifference(new Set(standing));
  if (lost.size > 0) return `agent and kernel differ in who holds ${[...lost].join(", ")}`;
  return undefined;
}

/** Whether an address was let go of for a pod elsewhere that never came: it waits as it is for the next one of the name. */
function isPromised(vip: JsonObject): boolean {
  return textAt(vip, "spec.claim") !== "" && textAt(vip, "status.use.state") === "Reclaimable";
}

/** Whether the subnets of the node's zone have nothing left for it. */
function isDry(world: World, { machine }: Host): boolean {
  const { state } = world.cloud.simulator;
  return ![...state.subnets.values()].some(
    (subnet) =>
      subnet.subnetId.startsWith("subnet-pods") &&
      subnet.zone === machine.zone &&
      2 ** (32 - subnet.block.prefixLength) - subnet.taken.size > 6,
  );
}

function nameOf(object: JsonObject): string {
  return textAt(object, "metadata.name");
}
