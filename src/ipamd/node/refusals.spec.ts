import { beforeEach, describe, expect, test } from "bun:test";
import { CloudError } from "../../cloud/cloud-error.ts";
import type { Instance } from "../../cloud/cloud-vpc.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import { createMemoryObjects, type MemoryObjects } from "../objects/testing/memory-objects.ts";
import type { EniView, NodeView } from "../planner/node-view.ts";
import type { NodeWorld } from "./node-world.ts";
import { Refusals } from "./refusals.ts";

const instance = { id: "ins-1", type: "S5.2XLARGE16" } as Instance;

const eni = { ready: true, unattached: false, detached: false, addresses: [] } as unknown as EniView;

function refused(action: string): CloudError {
  return new CloudError({
    class: "quota",
    action,
    code: "LimitExceeded",
    message: "too many",
    requestId: "",
  });
}

let clock: ManualClock;
let memory: MemoryObjects;
let limitReads: number;
let doubted: string[];
let refusals: Refusals;

beforeEach(() => {
  clock = createManualClock();
  memory = createMemoryObjects();
  limitReads = 0;
  doubted = [];
  refusals = new Refusals({
    clock,
    objects: memory.objects,
    instances: { doubtLimit: ({ id }: Instance) => void doubted.push(id) },
    cloud: {
      vpcEniLimit: async () => {
        limitReads++;
        return 1000;
      },
    },
  } as unknown as NodeWorld);
});

async function take(action: string, enis: EniView[]): Promise<string> {
  const view = { enis, demand: 1, waiting: 0 } as unknown as NodeView;
  const quota = { enis: 3, addressesPerEni: 10 };
  const { reason, message } = await refusals.take(refused(action), { name: "node-1", instance, quota, view });
  return `${reason}${/;[^;]*$/.exec(message)?.[0] ?? ""}`;
}

describe("Refusals", () => {
  test("an instance that has all its ENIs is told apart from a VPC that has", async () => {
    expect(await take("CreateAndAttachNetworkInterface", [eni, eni])).toBe(
      "QuotaReached; S5.2XLARGE16 takes 3 ENIs",
    );
    expect(await take("CreateAndAttachNetworkInterface", [eni])).toBe(
      "VPCLimit; a VPC may have 1000 ENIs here",
    );
    expect(await take("AssignPrivateIpAddresses", [eni])).toStartWith("QuotaReached");
    expect(doubted).toEqual(["ins-1", "ins-1", "ins-1"]);
  });

  test("the VPC's limit is asked for once a minute, however many nodes meet it", async () => {
    for (let i = 0; i < 10; i++) await take("CreateNetworkInterface", []);
    expect(limitReads).toBe(1);
    await clock.advance(60_000);
    await take("CreateNetworkInterface", []);
    expect(limitReads).toBe(2);
  });

  test("ENIs that another Node of the same machine has are named", async () => {
    const spec = { node: "old-name", instanceID: "ins-1" } as Parameters<typeof memory.objects.writeEni>[1];
    await memory.objects.writeEni("eni-1", spec);
    expect(await take("CreateAndAttachNetworkInterface", [])).toBe(
      "QuotaReached; 1 of the ENIs on ins-1 are those of Node old-name: delete that Node if it is this machine's former name",
    );
  });

  test("a refusal stands until it is over", async () => {
    const refusal = refused("AssignPrivateIpAddresses");
    expect(refusals.isTold(refusal)).toBe(false);
    const view = { enis: [eni], demand: 1, waiting: 0 } as unknown as NodeView;
    const quota = { enis: 3, addressesPerEni: 10 };
    const readiness = await refusals.take(refusal, { name: "node-1", instance, quota, view });
    expect(refusals.isTold(refusal)).toBe(true);
    expect(refusals.of("node-1")).toBe(readiness);
    refusals.over("node-1");
    expect(refusals.of("node-1")).toBeUndefined();
  });
});
