import { addressOfVpcIp } from "../../src/api/vpc-ip-name.ts";
import type { FaultWish } from "../../src/sim/admission/fault.ts";
import { textAt } from "../../src/sim/kube/served-kind.ts";
import { findInstanceType } from "../../src/sim/vpc/instance-types.ts";
import { changeNodeSettings, poolTarget, setDisabled, warmTarget } from "./changed-settings.ts";
import { claimedOn } from "./claims-at-rest.ts";
import type { SentCall } from "./cloud-road.ts";
import type { Dice } from "./dice.ts";
import { CALM, type KubeWeather } from "./faulty-kube-network.ts";
import { deleteClaim, findMachines, loseMachine } from "./fixed-troubles.ts";
import { limitsOf } from "./node-limits.ts";
import type { Host, World } from "./world.ts";

/** Something that goes wrong, once. */
interface Trouble {
  readonly name: string;
  /** How often it is picked, against the others. */
  readonly weight: number;
  readonly strike: (world: World, dice: Dice) => void | Promise<void>;
}

const GROUP_PATH = "/apis/networking.tke.cloud.tencent.com/v1";

/** A quota is read again after this time at the latest. */
const QUOTA_NOTICED_MS = 11 * 60_000;

const MUTATING = [
  "CreateAndAttachNetworkInterface",
  "CreateNetworkInterface",
  "AttachNetworkInterface",
  "DetachNetworkInterface",
  "DeleteNetworkInterface",
  "AssignPrivateIpAddresses",
  "UnassignPrivateIpAddresses",
  "MigratePrivateIpAddress",
] as const;

/** Everything that can go wrong. */
export const TROUBLES: readonly Trouble[] = [
  { name: "bad weather to the API server", weight: 4, strike: badWeather },
  { name: "the API server forgets its history", weight: 2, strike: (world) => world.server.compact() },
  { name: "calls to the cloud go wrong", weight: 6, strike: cloudFault },
  { name: "the cloud shows what was", weight: 2, strike: describeLag },
  { name: "the cloud is down", weight: 1, strike: outage },
  {
    name: "an ipamd crashes",
    weight: 3,
    strike: (world, dice) => world.crashIpamd(dice.whole(0, world.settings.ipamds - 1)),
  },
  { name: "an ipamd stands still", weight: 3, strike: freezeIpamd },
  {
    name: "an agent crashes",
    weight: 4,
    strike: (world, dice) => onHost(world, dice, (host) => world.crashAgent(host)),
  },
  { name: "an agent stands still", weight: 2, strike: freezeAgent },
  {
    name: "an agent loses its store",
    weight: 1,
    strike: (world, dice) => onHost(world, dice, (host) => world.loseStore(host)),
  },
  { name: "an agent is cut off from the API server", weight: 2, strike: cutOff },
  { name: "a machine reboots", weight: 1, strike: reboot },
  { name: "a machine is replaced under its name", weight: 1, strike: replace },
  { name: "a Node is deleted and comes back", weight: 1, strike: deleteNode },
  { name: "a user deletes an object", weight: 2, strike: deleteObject },
  { name: "an address is taken off in the console", weight: 1, strike: consoleUnassign },
  { name: "an ENI is detached in the console", weight: 1, strike: consoleDetach },
  { name: "an outsider takes addresses", weight: 1, strike: outsider },
  { name: "an ipamd stands still between its word and its deed", weight: 4, strike: ambush },
  { name: "a call to the cloud is long on its way", weight: 3, strike: lateCall },
  { name: "addresses are taken off twice", weight: 3, strike: unassignTwice },
  { name: "a leader is lost with a call on its way", weight: 3, strike: lostWithCall },
  {
    name: "an ipamd is told to stop",
    weight: 2,
    strike: (world, dice) => world.stopIpamd(dice.whole(0, world.settings.ipamds - 1)),
  },
  {
    name: "an agent is told to stop",
    weight: 1,
    strike: (world, dice) => onHost(world, dice, (host) => world.stopAgent(host)),
  },
  { name: "an agent is updated", weight: 3, strike: updateAgent },
  { name: "a sandbox vanishes", weight: 1, strike: loseSandbox },
  { name: "an object is deleted by force", weight: 1, strike: deleteByForce },
  { name: "the custom resources are restored from a backup", weight: 1, strike: restoreBackup },
  { name: "somebody deletes the lease", weight: 1, strike: deleteLease },
  { name: "a subnet is taken out of the configuration", weight: 1, strike: removeSubnet },
  { name: "a quota is lowered", weight: 1, strike: lowerQuota },
  {
    name: "a node's settings are changed",
    weight: 3,
    strike: (world, dice) => onHost(world, dice, (host) => changeNodeSettings(world, dice, host)),
  },
  { name: "a node is to have no ENIs", weight: 2, strike: disable },
  { name: "the flags of ipamd are changed", weight: 2, strike: changeFlags },
];

/** What goes wrong besides where pods have addresses of their own. */
const FIXED_TROUBLES: readonly Trouble[] = [
  {
    name: "a machine is out of reach",
    weight: 8,
    strike: (world, dice) => {
      const host = pickHost(world, dice);
      const ends = (ms: number, act: () => unknown) => later(world, ms, act);
      return host && loseMachine(world, dice, { host, later: ends });
    },
  },
  { name: "a claim is deleted", weight: 4, strike: deleteClaim },
  { name: "the extender crashes", weight: 3, strike: (world) => world.crashExtender() },
  {
    name: "the extender stands still",
    weight: 2,
    strike: (world, dice) => world.freezeExtender(dice.between(500, 40_000)),
  },
  {
    name: "calls that move addresses go wrong",
    weight: 5,
    strike: (world, dice) => migrateFault(world, dice),
  },
];

/** Somebody takes finalizers off, or brings back what was: not tried where objects name whose an address is. */
const TAMPERING: ReadonlySet<string> = new Set([
  "an object is deleted by force",
  "the custom resources are restored from a backup",
]);

/** Lets something go wrong. */
export function strikeOnce(world: World, dice: Dice): void {
  const isFixed = world.settings.claims !== undefined;
  const troubles = isFixed
    ? [...TROUBLES.filter(({ name }) => !TAMPERING.has(name)), ...FIXED_TROUBLES]
    : TROUBLES;
  const trouble = dice.pick(troubles.flatMap((it) => Array.from({ length: it.weight }, () => it)));
  world.trace.note("trouble", trouble.name);
  void Promise.resolve(trouble.strike(world, dice)).catch((error: Error) => {
    // The console refuses what makes no sense just now.
    world.trace.note("trouble", `came to nothing: ${error.message}`);
  });
}

/** Nothing goes wrong any more, and what was stopped goes on. */
export async function calm(world: World): Promise<void> {
  world.trace.note("world", "nothing goes wrong any more");
  world.weather = CALM;
  world.cloudDelayMs = [5, 40];
  world.road.clear();
  world.onceWritten = undefined;
  for (const [index, ipamd] of world.ipamds.entries()) {
    ipamd?.process.resume();
    // An update is over when all have the flags.
    if (ipamd !== undefined && ipamd.warm !== world.warm) world.crashIpamd(index);
  }
  for (const host of world.hosts.values()) {
    host.cutOff = false;
    host.agent?.process.resume();
    host.successor?.process.resume();
    if (!host.machine.isOn) await world.startMachine(host);
  }
  if (world.settings.claims !== undefined) findMachines(world);
  await world.cloud.control.clearFaults();
  await world.cloud.control.changeSettings({ describeLag: { ms: 0, varies: false } });
  await world.cloud.control.releaseStalledTasks();
  world.calmSince = world.clock.monotonic();
}

function badWeather(world: World, dice: Dice): void {
  const bad = (p: number) => (dice.chance(0.5) ? dice.between(0, p) : 0);
  const lag = dice.pick([50, 500, 5_000, 30_000]);
  const weather: KubeWeather = {
    lostRequest: bad(0.2),
    lostAnswer: bad(0.2),
    conflict: bad(0.1),
    tooMany: bad(0.1),
    broken: bad(0.2),
    slow: bad(0.2),
    lagMs: [1, lag],
    watchLivesMs: [1_000, dice.pick([5_000, 60_000, 600_000])],
    cut: bad(0.8),
    silence: bad(0.2),
  };
  world.weather = weather;
  later(world, dice.between(10_000, 90_000), () => {
    if (world.weather === weather) world.weather = CALM;
  });
}

async function cloudFault(world: World, dice: Dice): Promise<void> {
  const extent = { probability: dice.between(0.1, 1), forMs: dice.whole(5_000, 60_000) };
  if (dice.chance(1 / 11)) {
    const actions = dice.chance(0.3) ? ["*"] : MUTATING;
    world.road.add({ ...extent, actions, ms: dice.between(100, 20_000) });
    return;
  }
  const manner = dice.pick(["close", "hang"] as const);
  const effect = dice.pick<FaultWish["effect"]>([
    { kind: "loseAnswer", manner },
    { kind: "loseAnswer", manner },
    { kind: "loseRequest", manner },
    { kind: "refuse", code: "InternalError" },
    { kind: "refuse", code: "UnsupportedOperation.MutexOperationTaskRunning" },
    { kind: "refuse", code: "ResourceInsufficient.Subnet" },
    { kind: "refuse", code: "UnauthorizedOperation" },
    { kind: "delayAnswer", ms: dice.whole(100, 8_000) },
    { kind: "failTask" },
    { kind: "stallTask", ms: dice.whole(1_000, 60_000) },
  ]);
  const reads = effect.kind !== "failTask" && effect.kind !== "stallTask" && dice.chance(0.3);
  await world.cloud.control.addFault({
    ...extent,
    actions: reads ? ["*"] : [...MUTATING],
    effect,
  });
}

async function migrateFault(world: World, dice: Dice): Promise<void> {
  const forMs = dice.whole(20_000, 120_000);
  if (dice.chance(0.3)) {
    world.road.add({ actions: ["MigratePrivateIpAddress"], forMs, ms: dice.between(1_000, 60_000) });
    return;
  }
  const effect = dice.pick<FaultWish["effect"]>([
    { kind: "loseAnswer", manner: dice.pick(["close", "hang"] as const) },
    { kind: "loseRequest", manner: "hang" },
    { kind: "refuse", code: "InternalError" },
    { kind: "failTask" },
    { kind: "stallTask", ms: dice.whole(1_000, 60_000) },
  ]);
  await world.cloud.control.addFault({
    probability: dice.between(0.5, 1),
    forMs,
    actions: ["MigratePrivateIpAddress"],
    effect,
  });
}

async function describeLag(world: World, dice: Dice): Promise<void> {
  const ms = dice.whole(100, 6_000);
  await world.cloud.control.changeSettings({ describeLag: { ms, varies: dice.chance(0.5) } });
  later(world, dice.between(20_000, 120_000), () =>
    world.cloud.control.changeSettings({ describeLag: { ms: 0, varies: false } }),
  );
}

async function outage(world: World, dice: Dice): Promise<void> {
  const effect: FaultWish["effect"] = dice.chance(0.5)
    ? { kind: "refuse", code: "InternalError" }
    : { kind: "loseRequest", manner: "hang" };
  await world.cloud.control.addFault({ actions: ["*"], forMs: dice.whole(10_000, 90_000), effect });
}

function freezeIpamd(world: World, dice: Dice): void {
  const process = dice.pick(world.ipamds)?.process;
  process?.freeze();
  later(world, dice.pick([500, 5_000, 15_000, 30_000, 90_000]) * dice.between(0.5, 1.5), () =>
    process?.resume(),
  );
}

/** What is written for claims before something is done. */
const FIXED_WORDS = [`"claim":`, `"mode":"move"`, `"policy":`];

/** The next time that an ipamd has written down what it is about to do, it stands still before it hears that this is written. */
function ambush(world: World, dice: Dice): void {
  const ms = dice.pick([10_000, 40_000, 100_000]) * dice.between(0.7, 1.3);
  const words = [`"state":"Releasing"`, `"creating":`, `"intent":"Released"`];
  const word = dice.pick(world.settings.claims === undefined ? words : [...words, ...FIXED_WORDS]);
  world.onceWritten = (object) => {
    if (!JSON.stringify(object).includes(word)) return false;
    for (const ipamd of world.ipamds) {
      if (ipamd?.ipamd?.health().leader !== true) continue;
      world.trace.note("trouble", `${ipamd.process.name} stands still after ${word}`);
      ipamd.process.freeze();
      later(world, ms, () => ipamd.process.resume());
    }
    return true;
  };
}

/** As one that was sent by a machine which was paused then: a signature holds for five minutes. */
function lateCall(world: World, dice: Dice): void {
  const moves = ["MigratePrivateIpAddress"];
  const actions = dice.pick([
    ...(world.settings.claims === undefined ? [] : [moves, moves]),
    ["UnassignPrivateIpAddresses"],
    ["DetachNetworkInterface"],
    ["CreateAndAttachNetworkInterface", "CreateNetworkInterface"],
    ["CreateAndAttachNetworkInterface", "CreateNetworkInterface"],
  ]);
  world.road.add({ actions, calls: 1, ms: dice.between(5_000, dice.pick([30_000, 100_000])) });
}

/**
 * An Unassign is held up for so long that it is sent again, and arrives when its addresses have come back to the ENI: they are the
 * next ones that the cloud gives, and pods come that need some.
 */
function unassignTwice(world: World, dice: Dice): void {
  const ms = dice.between(45_000, 110_000);
  const handOver = dice.chance(0.5);
  const onTaken = (call: SentCall) => wantWhenGone(world, { call, forMs: ms, handOver });
  world.road.add({ actions: ["UnassignPrivateIpAddresses"], calls: 1, forMs: 180_000, ms, onTaken });
}

/** When the addresses that a call is to take off have been taken off by another one, pods come to their node, under the next leader perhaps. */
function wantWhenGone(
  world: World,
  { call, forMs, handOver }: { call: SentCall; forMs: number; handOver: boolean },
): void {
  const { NetworkInterfaceId: eniId, PrivateIpAddresses: list } = call.parameters as {
    NetworkInterfaceId: string;
    PrivateIpAddresses: readonly { PrivateIpAddress: string }[];
  };
  const leaving = new Set(list.map(({ PrivateIpAddress }) => PrivateIpAddress));
  const until = world.clock.monotonic() + forMs;
  const look = () => {
    const eni = world.cloud.simulator.state.enis.get(eniId);
    const host = [...world.hosts.values()].find(({ machine }) => machine.links.has(eniId));
    if (world.clock.monotonic() > until || world.calmSince !== undefined) return;
    if (eni === undefined || host === undefined) return;
    if (eni.addresses.some(({ address }) => leaving.has(address))) {
      world.clock.after(500, look);
      return;
    }
    // The next leader must know as well what has been taken off.
    if (handOver) {
      for (const [index, it] of world.ipamds.entries()) {
        if (it?.ipamd?.health().leader === true) world.stopIpamd(index);
      }
    }
    later(world, handOver ? 8_000 : 0, () => crowd(world, host));
  };
  look();
}

/** Pods come that are bound to a node from the first moment, as those of a DaemonSet: as many as it has room for. */
function crowd(world: World, host: Host): void {
  const { nodeName } = host.machine;
  const room =
    limitsOf(world, host).least - Math.max(claimedOn(world, nodeName), world.podsOf(nodeName).length);
  world.trace.note("workload", `fills ${nodeName} with ${room} pods`);
  for (let i = 0; i < room; i++) world.createPod({ nodeName });
}

/**
 * A leader is lost while a call of its own is on its way, for as long as its successor has to allow for or a little less. The successor
 * finds pods that wait: it has something to do as soon as it may.
 */
function lostWithCall(world: World, dice: Dice): void {
  const way = dice.pick(["crash", "freeze", "lease"] as const);
  const ms = way === "lease" ? dice.between(2_000, 9_900) : dice.between(15_000, 29_900);
  const onTaken = ({ identity, action }: SentCall) => {
    world.trace.note("trouble", `${identity} is lost (${way}) with ${action} on its way for ${ms} ms`);
    world.wantMore();
    const index = world.ipamds.findIndex((ipamd) => ipamd !== undefined && ipamd.identity === identity);
    const process = world.ipamds[index]?.process;
    if (process === undefined) return;
    if (way === "lease") deleteLease(world);
    if (way === "crash") world.clock.after(0, () => world.crashIpamd(index));
    if (way !== "freeze") return;
    process.freeze();
    later(world, dice.between(30_000, 100_000), () => process.resume());
  };
  world.road.add({ actions: MUTATING, calls: 1, forMs: 60_000, ms, onTaken });
}

function freezeAgent(world: World, dice: Dice): void {
  onHost(world, dice, ({ agent }) => {
    agent?.process.freeze();
    later(world, dice.between(500, 60_000), () => agent?.process.resume());
  });
}

/** As a DaemonSet does with `maxSurge: 1`: the new agent starts beside the old one, which is told to stop when the new one seems well. */
function updateAgent(world: World, dice: Dice): void {
  onHost(world, dice, (host) => {
    world.startSuccessor(host);
    const { agent, successor } = host;
    if (agent === undefined || successor === undefined) return;
    if (dice.chance(0.2)) later(world, dice.between(0, 5_000), () => agent.process.end());
    if (dice.chance(0.2)) later(world, dice.between(0, 5_000), () => successor.process.end());
    comesBack(world, dice.between(500, 20_000), () => {
      if (host.agent === agent && host.successor === successor) world.stopAgent(host);
    });
  });
}

function cutOff(world: World, dice: Dice): void {
  onHost(world, dice, (host) => {
    host.cutOff = true;
    later(world, dice.between(5_000, 180_000), () => {
      host.cutOff = false;
    });
  });
}

async function reboot(world: World, dice: Dice): Promise<void> {
  const host = pickHost(world, dice);
  if (host === undefined || !host.machine.isOn) return;
  await world.stopMachine(host);
  later(world, dice.between(5_000, 200_000), () => world.startMachine(host));
}

async function replace(world: World, dice: Dice): Promise<void> {
  const host = pickHost(world, dice);
  if (host === undefined || !host.machine.isOn) return;
  const name = dice.chance(0.6) ? host.machine.nodeName : `${host.machine.nodeName}x`;
  await world.terminate(host);
  comesBack(world, dice.between(1_000, 200_000), () => {
    if (!world.hosts.has(name)) void world.addNode(name, { providerId: dice.chance(0.8) });
  });
}

function deleteNode(world: World, dice: Dice): void {
  onHost(world, dice, (host) => {
    world.deleteNode(host.machine.nodeName);
    comesBack(world, dice.pick([5_000, 60_000, 300_000]) * dice.between(0.5, 1.5), () => {
      if (!host.gone) world.registerNode(host);
    });
  });
}

function deleteObject(world: World, dice: Dice): void {
  const kind = dice.pick(["vpcips", "vpcips", "vpcips", "vpcenis"]);
  const objects = world.server.objects(kind);
  if (objects.length === 0) return;
  const name = textAt(dice.pick(objects), "metadata.name");
  world.trace.note("user", `deletes ${kind}/${name}`);
  world.request("DELETE", `${GROUP_PATH}/${kind}/${name}`);
}

async function consoleUnassign(world: World, dice: Dice): Promise<void> {
  const links = [...world.hosts.values()].flatMap(({ machine }) => [...machine.links.values()]);
  if (links.length === 0) return;
  const { eniId } = dice.pick(links);
  const eni = world.cloud.simulator.state.enis.get(eniId);
  const addresses = eni?.addresses.filter(({ primary }) => !primary) ?? [];
  if (addresses.length === 0) return;
  const { address } = dice.pick(addresses);
  world.trace.note("console", `unassigns ${address} from ${eniId}`);
  world.invariants.excuse(address);
  await world.cloud.control.unassignAddresses(eniId, [address]);
}

async function consoleDetach(world: World, dice: Dice): Promise<void> {
  const links = [...world.hosts.values()].flatMap(({ machine }) => [...machine.links.values()]);
  if (links.length === 0) return;
  const { eniId } = dice.pick(links);
  world.trace.note("console", `detaches ${eniId}`);
  world.invariants.excuse(eniId);
  await world.cloud.control.detachEni(eniId);
}

async function outsider(world: World, dice: Dice): Promise<void> {
  const subnetId = dice.pick(world.podSubnets);
  const { addresses } = await world.cloud.control.takeAddresses(subnetId, {
    addresses: [],
    count: dice.whole(1, 20),
  });
  comesBack(world, dice.between(20_000, 200_000), () => {
    void world.cloud.control.giveBackAddresses(subnetId, { addresses: [...addresses], count: 0 });
  });
}

function loseSandbox(world: World, dice: Dice): void {
  onHost(world, dice, ({ kubelet }) => {
    const pods = [...kubelet.pods.keys()];
    if (pods.length > 0) kubelet.loseSandbox(dice.pick(pods));
  });
}

/** Somebody takes the finalizer off: the object goes, whatever the cloud has. */
function deleteByForce(world: World, dice: Dice): void {
  const kind = dice.pick(["vpcips", "vpcips", "vpcenis", "nodeeniconfigs"]);
  const objects = world.server.objects(kind);
  if (objects.length === 0) return;
  const name = textAt(dice.pick(objects), "metadata.name");
  const path = `${GROUP_PATH}/${kind}/${name}`;
  world.trace.note("user", `deletes ${kind}/${name} by force`);
  world.invariants.tampered(() => {
    world.request("DELETE", path);
    world.request("PATCH", path, { metadata: { finalizers: null } });
  });
}

/** Back to what they said a while ago; the rest of the cluster goes on. */
function restoreBackup(world: World, dice: Dice): void {
  const backup = world.server.backUp(["vpcips", "vpcenis", "nodeeniconfigs", "vpcsubnets"]);
  later(world, dice.between(5_000, 120_000), () => {
    world.trace.note("user", "restores a backup");
    world.invariants.tampered(() => world.server.restore(backup));
    // Agents believe what the objects say until ipamd has seen that it is not so.
    for (const vip of world.server.objects("vpcips")) {
      world.invariants.distrust(addressOfVpcIp(textAt(vip, "metadata.name")));
    }
  });
}

function deleteLease(world: World): void {
  world.invariants.leaseDeletedAt = world.clock.monotonic();
  world.request("DELETE", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/tke-eni-ipamd");
}

function removeSubnet(world: World, dice: Dice): void {
  const all = world.podSubnets;
  const removed = dice.pick(all);
  world.configureSubnets(all.filter((id) => id !== removed));
  comesBack(world, dice.between(20_000, 300_000), () => world.configureSubnets(all));
}

function disable(world: World, dice: Dice): void {
  onHost(world, dice, (host) => {
    setDisabled(world, host, true);
    // For good where there are others.
    if (world.hosts.size > 1 && dice.chance(0.3)) return;
    comesBack(world, dice.between(10_000, 300_000), () => setDisabled(world, host, false));
  });
}

/** One ipamd after the other is told to stop and starts with the new flags: meanwhile either may lead. */
function changeFlags(world: World, dice: Dice): void {
  world.warm = world.settings.claims === undefined ? warmTarget(dice) : poolTarget(dice);
  world.trace.note("user", `gives ipamd a warm target of ${world.warm.min}/${world.warm.max}`);
  for (const index of world.ipamds.keys()) {
    later(world, dice.between(0, 60_000), () => world.stopIpamd(index));
  }
}

/** Of all machines, since quotas are one for a type. ipamd notices a change within minutes. */
async function lowerQuota(world: World, dice: Dice): Promise<void> {
  const type = findInstanceType(world.settings.instanceType);
  if (type === undefined) return;
  const change = async (addressesPerEni: number) => {
    for (const { machine } of world.hosts.values()) {
      await world.cloud.control.changeQuota(machine.instanceId, { addressesPerEni });
    }
  };
  world.invariants.quotaWasLowered = true;
  await change(Math.max(2, type.addressesPerEni - dice.whole(1, 3)));
  comesBack(world, dice.between(30_000, 200_000), () => {
    void change(type.addressesPerEni);
    comesBack(world, QUOTA_NOTICED_MS, () => {});
  });
}

/** What ends a trouble by itself, however calm it is. */
function comesBack(world: World, ms: number, act: () => void): void {
  world.awaited++;
  world.clock.after(ms, () => {
    world.awaited--;
    act();
  });
}

/** What ends a trouble before everything is calm. */
function later(world: World, ms: number, act: () => unknown): void {
  world.clock.after(ms, () => {
    if (world.calmSince === undefined) void act();
  });
}

function pickHost(world: World, dice: Dice): Host | undefined {
  const hosts = [...world.hosts.values()];
  return hosts.length === 0 ? undefined : dice.pick(hosts);
}

function onHost(world: World, dice: Dice, act: (host: Host) => void): void {
  const host = pickHost(world, dice);
  if (host !== undefined) act(host);
}
