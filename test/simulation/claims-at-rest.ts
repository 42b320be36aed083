import { addressOfVpcIp } from "../../src/api/vpc-ip-name.ts";
import { textAt } from "../../src/sim/kube/served-kind.ts";
import type { JsonObject } from "../../src/sim/kube/shape.ts";
import { limitsOf } from "./node-limits.ts";
import type { Host, World } from "./world.ts";

/** A pod that is bound and can have an address has it so long after its claim was looked at last by a person. */
const STUCK_MS = 4 * 60_000;

/** Addresses of a node that are some claim's. */
export function claimedOn(world: World, nodeName: string): number {
  return claimedAddresses(world, nodeName).length;
}

/** Those of a node that are some claim's, by their objects. */
export function claimedAddresses(world: World, nodeName: string): JsonObject[] {
  return world.server
    .objects("vpcips")
    .filter((vip) => textAt(vip, "spec.node") === nodeName && textAt(vip, "spec.claim") !== "");
}

/** Why claims are not at rest as they should be; undefined when they are. */
export function unrestOfClaims(world: World): string | undefined {
  const pods = new Map(world.pods().map((pod) => [keyOf(pod), pod]));
  const claims = world.server.objects("vpcipclaims");
  const keys = new Set(claims.map(keyOf));
  for (const vip of world.server.objects("vpcips")) {
    const key = textAt(vip, "spec.claim");
    if (key !== "" && !keys.has(key))
      return `${textAt(vip, "metadata.name")} is for ${key}, which has no claim`;
  }
  for (const claim of claims) {
    const problem = unrestOfClaim(world, claim, pods.get(keyOf(claim)));
    if (problem !== undefined) return `claim ${keyOf(claim)}: ${problem}`;
  }
  const without = [...pods.keys()].find((key) => !keys.has(key));
  return without === undefined ? undefined : `${without} has no claim`;
}

function unrestOfClaim(world: World, claim: JsonObject, pod: JsonObject | undefined): string | undefined {
  const state = textAt(claim, "status.state");
  // One that people have deleted goes with its pod.
  const isLeaving = textAt(claim, "metadata.deletionTimestamp") !== "";
  if (isLeaving && (pod === undefined || state !== "Releasing")) return `it is on its way out: ${state}`;
  const address = textAt(claim, "spec.address");
  if (pod === undefined) {
    if (textAt(claim, "spec.policy") === "Immediate") return "its pod is gone, and it is still there";
    if (state !== "Kept") return `its pod is gone, and it is ${state}`;
    if (textAt(claim, "status.expiresAt") !== "")
      return `it is to expire at ${textAt(claim, "status.expiresAt")}`;
    return address === "" ? undefined : unrestOfAddress(world, keyOf(claim), address);
  }
  if (address === "") return "it has no address";
  if (state !== "Bound" && !isLeaving) return `it is ${state}`;
  const node = textAt(pod, "spec.nodeName");
  if (textAt(claim, "status.node") !== node) return `it is bound to ${textAt(claim, "status.node")}`;
  const machine = world.hosts.get(node)?.machine;
  const held = [...(machine?.veths.values() ?? [])].find((veth) => veth.pod === keyOf(pod));
  if (held?.address !== address) return `its pod has ${held?.address ?? "no address"}, not ${address}`;
  return unrestOfAddress(world, keyOf(claim), address);
}

/** The address of a claim is on one ENI of the cluster, and its object says whose it is. */
function unrestOfAddress(world: World, key: string, address: string): string | undefined {
  const enis = [...world.cloud.simulator.state.enis.values()].filter((eni) =>
    eni.addresses.some((it) => it.address === address),
  );
  if (enis.length !== 1) return `${address} is on ${enis.length} ENIs`;
  const vip = vipOf(world, address);
  if (vip === undefined) return `${address} has no VpcIP`;
  const owner = textAt(vip, "spec.claim");
  return owner === key ? undefined : `the VpcIP of ${address} is for ${owner || "nobody"}`;
}

/** Whether an ENI without a machine has to stay: a claim keeps an address there. */
export function isKept(world: World, eniId: string): boolean {
  return world.server
    .objects("vpcips")
    .some((vip) => textAt(vip, "spec.eniID") === eniId && textAt(vip, "spec.claim") !== "");
}

/**
 * What a person does who looks at pods that go without: one that waits on a node where there is no room for it is deleted and comes
 * back elsewhere; one whose address is of a subnet for which no node has room gives that up. All others must be served.
 */
export function restartStuck(world: World): void {
  if (world.clock.monotonic() - (world.calmSince ?? 0) < STUCK_MS) return;
  const claims = new Map(world.server.objects("vpcipclaims").map((claim) => [keyOf(claim), claim]));
  for (const pod of world.pods()) {
    if (textAt(pod, "status.phase") !== "Pending" || textAt(pod, "metadata.deletionTimestamp") !== "")
      continue;
    const claim = claims.get(keyOf(pod));
    const subnetId = textAt(claim ?? {}, "spec.subnetID");
    if (claim !== undefined && JSON.stringify(claim).includes(`"reason":"AddressTaken"`)) {
      world.deleteClaim(claim);
      world.deletePod(textAt(pod, "metadata.name"));
      continue;
    }
    const host = world.hosts.get(textAt(pod, "spec.nodeName"));
    if (host !== undefined) {
      if (!hasRoom(world, host, { subnetId, key: keyOf(pod) })) world.deletePod(textAt(pod, "metadata.name"));
    } else if (claim !== undefined && textAt(claim, "metadata.deletionTimestamp") === "") {
      const some = [...world.hosts.values()].some((it) => hasRoom(world, it, { subnetId, key: keyOf(pod) }));
      if (!some) world.deleteClaim(claim);
    }
  }
}

/** Whether a node has, or can have, a place for an address of a subnet; any subnet of its zone where none is named. */
function hasRoom(world: World, host: Host, { subnetId, key }: { subnetId: string; key: string }): boolean {
  const { state } = world.cloud.simulator;
  const { machine } = host;
  const { least, addressesPerEni = Number.POSITIVE_INFINITY, enis: most } = limitsOf(world, host);
  const own = claimedAddresses(world, machine.nodeName);
  if (least === 0) return false;
  if (own.some((vip) => textAt(vip, "spec.claim") === key)) return true;
  if (own.length >= least) return false;
  const subnet = state.subnets.get(subnetId);
  if (subnet !== undefined && subnet.zone !== machine.zone) return false;
  const enis = [...state.enis.values()].filter(
    (eni) => eni.attachment?.instanceId === machine.instanceId && eni.attachment.deviceIndex > 0,
  );
  if (enis.length < most) return true;
  return enis.some(
    (eni) => (subnetId === "" || eni.subnetId === subnetId) && eni.addresses.length - 1 < addressesPerEni,
  );
}

function vipOf(world: World, address: string): JsonObject | undefined {
  return world.server
    .objects("vpcips")
    .find((vip) => addressOfVpcIp(textAt(vip, "metadata.name")) === address);
}

function keyOf(object: JsonObject): string {
  return `${textAt(object, "metadata.namespace")}/${textAt(object, "metadata.name")}`;
}
