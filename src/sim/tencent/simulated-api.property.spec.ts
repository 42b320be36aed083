import { expect, it } from "bun:test";
import fc from "fast-check";
import { callerOf } from "../admission/credential.ts";
import type { FaultWish } from "../admission/fault.ts";
import { documentedRates } from "../admission/rate-limits.ts";
import { type SimConfig, simulatedWorld } from "../config.ts";
import type { Fabric } from "../fabric/fabric.ts";
import { VirtualClock } from "../virtual-clock.ts";
import { checkInvariants, follow, type Links } from "../vpc/check-invariants.ts";
import type { CloudState, Effect } from "../vpc/state.ts";
import { createSimulatedCloud, type SimulatedCloud } from "./simulated-cloud.ts";

const log = { debug() {}, info() {}, warn() {} };
const caller = callerOf({ secretId: "AKIDsimulatedworld", secretKey: "not-a-secret" });
const machines = ["ins-0000000a", "ins-0000000b"];
const pods = "subnet-pods0001";

const config: SimConfig = {
  ...simulatedWorld(),
  subnets: simulatedWorld().subnets.map((it) =>
    it.subnetId === pods ? { ...it, cidr: "10.0.16.0/27" } : it,
  ),
  rateLimits: { actions: { CreateNetworkInterface: 3, DescribeNetworkInterfaces: 2 } },
};

const effects: fc.Arbitrary<FaultWish["effect"]> = fc.oneof(
  fc.constant({ kind: "refuse" as const, code: "UnsupportedOperation.MutexOperationTaskRunning" }),
  fc.record({
    kind: fc.constantFrom("loseRequest" as const, "loseAnswer" as const),
    manner: fc.constant("close" as const),
  }),
  fc.record({
    kind: fc.constantFrom("delayRequest" as const, "delayAnswer" as const),
    ms: fc.constantFrom(50, 900),
  }),
  fc.record({
    kind: fc.constant("failTask" as const),
    at: fc.constantFrom("create" as const, "attach" as const),
  }),
  fc.constantFrom({ kind: "stallTask" as const }, { kind: "stallTask" as const, ms: 700 }),
  fc.record({
    kind: fc.constant("takeAddresses" as const),
    subnetId: fc.constant(pods),
    count: fc.nat({ max: 9 }).map((n) => n + 1),
  }),
);

/** What somebody does next. Numbers choose among what exists, so that most acts are about something. */
const moves = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        call: fc.constantFrom(...Object.keys(documentedRates)),
        which: fc.nat({ max: 30 }),
        count: fc.nat({ max: 4 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ fault: effects, probability: fc.constantFrom(0.3, 1) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        console: fc.constantFrom(
          "detach",
          "delete",
          "assign",
          "foreign",
          "stop",
          "start",
          "remove",
          "raise",
          "giveBack",
          "release",
          "clear",
          "lag",
        ),
        which: fc.nat({ max: 30 }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ pass: fc.constantFrom(1, 40, 300, 1100) }) },
  ),
  { minLength: 10, maxLength: 80 },
);

type Move = typeof moves extends fc.Arbitrary<(infer M)[]> ? M : never;

/** A network that is followed effect by effect; it fails where an effect cannot be. */
function following(links: Links): Fabric {
  const apply = async (effect: Effect) => follow(links, [effect]);
  return {
    plug: (plug) => apply({ kind: "plug", ...plug }),
    unplug: (eniId) => apply({ kind: "unplug", eniId }),
    assign: (eniId, addresses) => apply({ kind: "assign", eniId, addresses }),
    unassign: (eniId, addresses) => apply({ kind: "unassign", eniId, addresses }),
    setAsymmetricOutside: async () => {},
    drops: async () => ({ total: 0, bySource: [] }),
  };
}

function parametersOf(state: CloudState, move: { call: string; which: number; count: number }): object {
  const enis = [...state.enis.values()].filter((it) => !it.primary);
  const eni = enis[move.which % enis.length];
  const instanceId = machines[move.which % machines.length];
  const eniParameters = {
    VpcId: "vpc-sim00001",
    SubnetId: pods,
    NetworkInterfaceName: "x",
    SecondaryPrivateIpAddressCount: move.count,
    ClientToken: `token-${move.which}`,
  };
  const named = { NetworkInterfaceId: eni?.eniId ?? "eni-00000000" };
  switch (move.call) {
    case "CreateNetworkInterface":
      return eniParameters;
    case "CreateAndAttachNetworkInterface":
      return { ...eniParameters, InstanceId: instanceId };
    case "AttachNetworkInterface":
      return { ...named, InstanceId: instanceId };
    case "DetachNetworkInterface":
      return { ...named, InstanceId: eni?.attachment?.instanceId ?? instanceId };
    case "DeleteNetworkInterface":
      return named;
    case "AssignPrivateIpAddresses":
      return { ...named, SecondaryPrivateIpAddressCount: move.count + 1 };
    case "UnassignPrivateIpAddresses": {
      const addresses = eni?.addresses.slice(1, 2 + move.count) ?? [];
      return { ...named, PrivateIpAddresses: addresses.map((it) => ({ PrivateIpAddress: it.address })) };
    }
    case "MigratePrivateIpAddress": {
      const full = enis.filter((it) => it.addresses.length > 1);
      const from = full[move.which % full.length];
      const others = enis.filter((it) => it !== from);
      return {
        SourceNetworkInterfaceId: from?.eniId ?? named.NetworkInterfaceId,
        DestinationNetworkInterfaceId: others[move.count % others.length]?.eniId ?? named.NetworkInterfaceId,
        PrivateIpAddress: from?.addresses.at(-1)?.address ?? "10.0.16.9",
      };
    }
    case "DescribeVpcTaskResult":
      return { TaskId: `request-${move.which}` };
    case "DescribeNetworkInterfaceLimit":
      return { InstanceId: instanceId };
    case "DescribeVpcLimits":
      return { LimitTypes: ["vpc-max-enis"] };
    default:
      return {};
  }
}

async function actInConsole(
  { control, simulator }: SimulatedCloud,
  move: { console: string; which: number },
) {
  const enis = [...simulator.state.enis.values()].filter((it) => !it.primary);
  const eniId = enis[move.which % enis.length]?.eniId ?? "eni-00000000";
  const machine = machines[move.which % machines.length] ?? "";
  switch (move.console) {
    case "detach":
      return control.detachEni(eniId);
    case "delete":
      return control.deleteEni(eniId);
    case "assign":
      return control.assignAddresses(eniId, { count: 2 });
    case "foreign":
      return control.createEni({ subnetId: pods, instanceId: machine, secondaryCount: 1 });
    case "stop":
      return control.stopInstance(machine);
    case "start":
      return control.startInstance(machine);
    case "remove":
      return control.removeInstance(machine);
    case "raise":
      return control.changeQuota(machine, { eniQuota: 4 + move.which });
    case "giveBack":
      return control.giveBackAddresses(pods, { count: 1 });
    case "release":
      return control.releaseStalledTasks();
    case "clear":
      return control.clearFaults();
    default:
      return control.changeSettings({ describeLag: { ms: 40 * move.which, varies: move.which % 2 === 0 } });
  }
}

const productOf = (action: string) =>
  action === "DescribeInstances" ? "cvm" : /Resource/.test(action) ? "tag" : "vpc";

it("a cloud keeps its promises under any faults, and lets in no more than its limits", async () => {
  await fc.assert(
    fc.asyncProperty(moves, fc.boolean(), async (sequence: Move[], furnished) => {
      const links: Links = new Map();
      const clock = new VirtualClock(1_800_000_000_000);
      let requests = 0;
      const cloud = createSimulatedCloud(config, {
        clock,
        fabric: following(links),
        log: { ...log, warn: (fields) => expect(fields).toBeUndefined() },
        newRequestId: () => {
          requests++;
          return `request-${requests}`;
        },
      });
      for (const [i, instanceId] of machines.entries()) {
        await cloud.control.addInstance({
          instanceId,
          name: instanceId,
          instanceType: "S5.MEDIUM4",
          zone: "ap-sim-1",
          subnetId: "subnet-node0001",
          privateIp: `10.0.1.${10 + i}`,
          netns: `/run/netns/${instanceId}`,
        });
      }
      for (const instanceId of furnished ? machines : []) {
        await cloud.control.createEni({ subnetId: pods, instanceId, secondaryCount: 2 });
      }
      await clock.pass(1000);
      const under: Promise<unknown>[] = [];
      for (const move of sequence) {
        if ("call" in move) {
          const { call: action } = move;
          const body = parametersOf(cloud.simulator.state, move);
          under.push(cloud.api.call({ product: productOf(action), action, body, caller }));
        } else if ("fault" in move) {
          const { fault: effect, probability } = move;
          await cloud.control.addFault({ actions: ["*"], probability, calls: 3, effect });
        } else if ("console" in move) {
          await actInConsole(cloud, move).catch((error) => expect(error).toHaveProperty("code"));
        }
        await clock.pass("pass" in move ? move.pass : 0);
        checkInvariants(cloud.simulator.state, links);
      }
      await clock.pass(10_000);
      await cloud.control.releaseStalledTasks();
      await clock.pass(10_000);
      checkInvariants(cloud.simulator.state, links);
      expect(await cloud.control.readTasks()).toEqual([]);
      await Promise.all(under);
      for (const [action, { busiestSecond }] of Object.entries(await cloud.control.readCalls())) {
        const limits = config.rateLimits === false ? {} : config.rateLimits.actions;
        expect(busiestSecond).toBeLessThanOrEqual(limits[action] ?? documentedRates[action] ?? 0);
      }
    }),
    { numRuns: 100 },
  );
});
