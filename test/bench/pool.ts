// The address pool on the simulated cloud with the documented limits, in virtual time: the real ipamd and the real agents' core.
import { PRODUCT_RATE, RATES } from "../../src/cloud/budget/rates.ts";
import { type SimConfig, simulatedWorld } from "../../src/sim/config.ts";
import { textAt } from "../../src/sim/kube/served-kind.ts";
import type { JsonObject } from "../../src/sim/kube/shape.ts";
import { World } from "../simulation/world.ts";
import type { BenchWorld, Measured } from "./bench.ts";
import type { Figure } from "./figure.ts";

/** Milliseconds that the simulated cloud takes; an attach is what takes long on a real one. */
const LATENCY = { default: 300, create: 300, attach: 1500 };
/** 12 cores: 8 ENIs with 30 addresses each, its own included. */
const TYPE = "S5.3XLARGE24";
const ADDRESSES_PER_ENI = 29;

export async function benchPool({ say }: BenchWorld): Promise<Measured> {
  const figures = [
    ...(await fromNothing({ nodes: 10, pods: 100, say, goals: { mutating: 100, describes: 60 } })),
    ...(await fromNothing({ nodes: 1000, pods: 50, say })),
    ...(await churn({ max: 5, say })),
    ...(await churn({ max: 15, say, goal: 5 })),
  ];
  // All of it is virtual: another run gives the same.
  return { figures, raw: {} };
}

interface FromNothing {
  nodes: number;
  /** Of each node. */
  pods: number;
  say: (line: string) => void;
  goals?: { mutating: number; describes: number };
}

/**
 * Nodes and their pods come at one moment, the pods bound already, so that it is not the scheduler that is measured. How long is
 * it until the last pod can have its address, which is when its node's agent has as many as there are pods?
 */
async function fromNothing({ nodes, pods, say, goals }: FromNothing): Promise<Figure[]> {
  const label = `${nodes} nodes x ${pods} pods`;
  const began = performance.now();
  const world = await prepare({ warm: { min: 5, max: 5 } });
  try {
    const start = world.clock.monotonic();
    const names = Array.from({ length: nodes }, (_, i) => `node-${i + 1}`);
    for (const name of names) void world.addNode(name);
    for (const name of names) for (let i = 0; i < pods; i++) world.createPod({ nodeName: name });
    const lastAt = runUntilUsable(world, names, pods);
    const seconds = (lastAt - start) / 1000;
    // Calls that follow the last pod's address, such as the rest of the warm-up, belong to it.
    world.run(60_000);
    check(world);
    const calls = await countCalls(world);
    const floor = floorOf({ nodes, pods });
    for (const line of floor.how) say(`${label}: ${line}`);
    const { count, ms } = world.ipamds[0]?.ipamd?.figures()?.plans ?? { count: 0, ms: 0 };
    say(
      `${label}: ${((performance.now() - began) / 1000).toFixed(0)} s of the real machine for all of it, agents and API server included`,
    );
    return [
      { name: `${label}: last address after`, value: seconds, unit: "s" },
      { name: `${label}: floor of the limits`, value: floor.seconds, unit: "s" },
      {
        name: `${label}: last address / floor`,
        value: seconds / floor.seconds,
        unit: "",
        goal: { op: "<=", value: 1.2 },
      },
      {
        name: `${label}: mutating calls`,
        value: calls.mutating,
        unit: "",
        ...(goals && { goal: { op: "<=", value: goals.mutating } }),
      },
      {
        name: `${label}: describes`,
        value: calls.describes,
        unit: "",
        ...(goals && { goal: { op: "<=", value: goals.describes } }),
      },
      { name: `${label}: throttled calls`, value: calls.throttled, unit: "", goal: { op: "<=", value: 0 } },
      { name: `${label}: plans`, value: count, unit: "" },
      { name: `${label}: planner's own time`, value: ms / 1000, unit: "s" },
    ];
  } finally {
    world.close();
  }
}

/**
 * The least time in which the documented limits let all addresses come. CreateAndAttach makes an ENI with one call, so its 20 a
 * second are used whole; the rest of the product's 50 a second makes ENIs with two, Create and Attach. A second's calls may all be
 * made at its beginning. An instance attaches one ENI at a time; the others can be made meanwhile.
 */
function floorOf({ nodes, pods }: { nodes: number; pods: number }): { seconds: number; how: string[] } {
  const enisPerNode = Math.ceil(pods / ADDRESSES_PER_ENI);
  const enis = nodes * enisPerNode;
  const both = RATES.CreateAndAttachNetworkInterface.perSecond;
  const perSecond = both + (PRODUCT_RATE - both) / 2;
  const byRate = Math.ceil(enis / perSecond) - 1 + (LATENCY.create + LATENCY.attach) / 1000;
  const byInstance = (LATENCY.create + enisPerNode * LATENCY.attach) / 1000;
  return {
    seconds: Math.max(byRate, byInstance),
    how: [
      `${enis} ENIs (${enisPerNode} a node), at most ${perSecond} a second (${both} made and attached in one call, ${(PRODUCT_RATE - both) / 2} in two, ${PRODUCT_RATE} calls in all), the last one's own time included: ${byRate.toFixed(1)} s`,
      `an instance attaches one at a time: ${LATENCY.create} ms + ${enisPerNode} x ${LATENCY.attach} ms = ${byInstance.toFixed(1)} s`,
    ],
  };
}

const CHURN = { nodes: 20, pods: 50, perMinute: 10, minutes: 60 };

/** Every node replaces a fifth of its pods each minute, at random moments. */
async function churn({
  max,
  say,
  goal,
}: {
  max: number;
  say: (line: string) => void;
  goal?: number;
}): Promise<Figure[]> {
  const label = `churn at 5/${max}`;
  const { nodes, pods, perMinute, minutes } = CHURN;
  const world = await prepare({ warm: { min: 5, max } });
  try {
    const names = Array.from({ length: nodes }, (_, i) => `node-${i + 1}`);
    for (const name of names) void world.addNode(name);
    for (const name of names) for (let i = 0; i < pods; i++) world.createPod({ nodeName: name });
    for (const name of names) for (let i = 0; i < pods; i++) world.createPod({ nodeName: name });
    world.run(15 * 60_000);
    check(world);
    await world.cloud.control.resetCalls();
    const dice = world.dice.fork("churn");
    let replaced = 0;
    for (const name of names) {
      for (let minute = 0; minute < minutes; minute++) {
        for (let i = 0; i < perMinute; i++) {
          world.clock.after(dice.between(minute * 60_000, (minute + 1) * 60_000), () => {
            const running = world
              .podsOf(name)
              .filter((pod) => textAt(pod, "metadata.deletionTimestamp") === "" && hasAddress(pod));
            const pod = running[dice.whole(0, Math.max(0, running.length - 1))];
            if (pod === undefined) return;
            replaced++;
            world.deletePod(textAt(pod, "metadata.name"));
            world.createPod({ nodeName: name });
          });
        }
      }
    }
    world.run(minutes * 60_000);
    check(world);
    const calls = await countCalls(world);
    const background = backgroundReads(world, minutes);
    say(
      `${label}: ${replaced} pods replaced on ${nodes} nodes in ${minutes} minutes; ${calls.mutating} mutating calls, ${calls.describes} describes, of which about ${background} are the regular readings of a cluster in which nothing happens`,
    );
    const per1000 = (count: number) => (count * 1000) / replaced;
    return [
      {
        name: `${label}: calls per 1000 pods, regular readings apart`,
        value: per1000(calls.mutating + Math.max(0, calls.describes - background)),
        unit: "",
        ...(goal !== undefined && { goal: { op: "<", value: goal } }),
      },
      {
        name: `${label}: all calls per 1000 pods`,
        value: per1000(calls.mutating + calls.describes),
        unit: "",
      },
      { name: `${label}: mutating calls per 1000 pods`, value: per1000(calls.mutating), unit: "" },
    ];
  } finally {
    world.close();
  }
}

/** What ipamd reads of a cluster at rest: all ENIs twice a minute, a hundred a page, the subnets once, and now and then the quota. */
function backgroundReads(world: World, minutes: number): number {
  const pages = Math.max(1, Math.ceil(world.server.objects("vpcenis").length / 100));
  return minutes * (2 * pages + 1) + Math.ceil(minutes / 10);
}

async function prepare({ warm }: { warm: { min: number; max: number } }): Promise<World> {
  const world = new World({
    seed: 1,
    instanceType: TYPE,
    warm,
    quickRelease: false,
    podsPrefix: 16,
    ipamds: 1,
    config: largeCloud(),
    stopwatch: () => performance.now(),
  });
  world.start();
  // Until it leads.
  world.run(60_000);
  await world.cloud.control.resetCalls();
  return world;
}

function largeCloud(): SimConfig {
  const small = simulatedWorld();
  const cidrs: Readonly<Record<string, string>> = {
    "subnet-node0001": "10.1.0.0/16",
    "subnet-node0002": "10.2.0.0/16",
    "subnet-pods0001": "10.16.0.0/16",
    "subnet-pods0002": "10.17.0.0/16",
  };
  return {
    ...small,
    fabric: false,
    vpcs: small.vpcs.map((vpc) => ({ ...vpc, cidr: "10.0.0.0/8" })),
    subnets: small.subnets.map((subnet) => ({ ...subnet, cidr: cidrs[subnet.subnetId] ?? subnet.cidr })),
    vpcMaxEnis: 10_000,
    latency: {
      default: LATENCY.default,
      actions: {
        CreateNetworkInterface: LATENCY.create,
        CreateAndAttachNetworkInterface: LATENCY.create,
        AttachNetworkInterface: LATENCY.attach,
      },
    },
  };
}

/** @returns when every node's agent said that it has so many addresses, monotonic virtual ms */
function runUntilUsable(world: World, names: readonly string[], pods: number): number {
  const usable = new Map(names.map((name) => [name, new Set<string>()]));
  let short = names.length;
  let lastAt: number | undefined;
  world.server.onChange(({ kind, key, after }) => {
    if (kind.plural !== "vpcips" || after === undefined || lastAt !== undefined) return;
    const addresses = usable.get(textAt(after, "spec.node"));
    if (addresses === undefined || textAt(after, "status.use.state") === "" || addresses.has(key)) return;
    addresses.add(key);
    if (addresses.size === pods && --short === 0) lastAt = world.clock.monotonic();
  });
  while (lastAt === undefined) {
    world.run(10_000);
    check(world);
    if (world.clock.monotonic() > 3_600_000) throw new Error(`after an hour ${short} nodes lack addresses`);
  }
  return lastAt;
}

function hasAddress(pod: JsonObject): boolean {
  return textAt(pod, "status.podIP") !== "";
}

function check(world: World): void {
  if (world.failure === undefined) return;
  throw new Error(`${world.failure}\n${world.trace.last(40).join("\n")}`);
}

async function countCalls(world: World): Promise<{ mutating: number; describes: number; throttled: number }> {
  const calls = Object.entries(await world.cloud.control.readCalls());
  const sum = (of: typeof calls) => of.reduce((total, [, { calls: count }]) => total + count, 0);
  const isRead = ([action]: (typeof calls)[number]) => action.startsWith("Describe");
  return {
    mutating: sum(calls.filter((call) => !isRead(call))),
    describes: sum(calls.filter(isRead)),
    throttled: calls.reduce((total, [, { errors }]) => total + (errors["RequestLimitExceeded"] ?? 0), 0),
  };
}
