import { beforeEach, describe, expect, test } from "bun:test";
import { ENI_TAGS } from "../../api/eni-tags.ts";
import { CloudError } from "../../cloud/cloud-error.ts";
import type { Eni, Instance } from "../../cloud/cloud-vpc.ts";
import type { Node } from "../../kube/core-resources.ts";
import { createRecordingLogger } from "../../kube/testing/recording-logger.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import { CloudView } from "../cloud-view/cloud-view.ts";
import { createMemoryObjects, type MemoryObjects } from "../objects/testing/memory-objects.ts";
import type { NodeSignals } from "../signals/node-signals.ts";
import { Notices } from "../signals/notices.ts";
import type { CreationBook } from "./creation-book.ts";
import type { NodeWorld } from "./node-world.ts";
import { PresentNodes } from "./present-nodes.ts";
import type { Readiness } from "./ready-condition.ts";
import type { RunCalls } from "./run-calls.ts";
import { TokenBook } from "./token-book.ts";

const node: Node = {
  metadata: { name: "node-1", uid: "uid-n", resourceVersion: "1", creationTimestamp: "2026-03-01T12:00:00Z" },
  spec: {},
};

const instance: Instance = {
  id: "ins-1",
  type: "S5.2XLARGE16",
  zone: "ap-1",
  vpcId: "vpc-1",
  subnetId: "subnet-n",
  privateAddresses: ["10.0.1.11"],
  securityGroupIds: [],
  state: "running",
};

function eni(addresses: number, attached = true): Eni {
  return {
    id: "eni-1",
    name: "",
    mac: "20:90:6f:00:00:01",
    vpcId: "vpc-1",
    subnetId: "subnet-a",
    zone: "ap-1",
    primary: false,
    state: "available",
    ...(attached && { instanceId: "ins-1" }),
    primaryAddress: "10.0.16.2",
    addresses: Array.from({ length: addresses }, (_, i) => ({
      address: `10.0.16.${10 + i}`,
      state: "available" as const,
    })),
    tags: [{ key: ENI_TAGS.node, value: "node-1" }],
  };
}

const denied = new CloudError({
  class: "not-authorised",
  action: "AssignPrivateIpAddresses",
  code: "UnauthorizedOperation",
  message: "no permission",
  requestId: "request-1",
});

let clock: ManualClock;
let memory: MemoryObjects;
let view: CloudView;
let demand: number;
let refusal: CloudError | undefined;
let shown: Readiness[];
let apiFails: Error | undefined;
let present: PresentNodes;

const calls = {
  claim: (action: string) => ({ action, use: (call: () => unknown) => call(), release: () => {} }),
  hasPostponed: () => false,
} as unknown as RunCalls;

beforeEach(() => {
  clock = createManualClock();
  memory = createMemoryObjects();
  view = new CloudView();
  demand = 3;
  refusal = undefined;
  shown = [];
  apiFails = undefined;
  const act = async () => {
    if (refusal !== undefined) throw refusal;
  };
  const notices = new Notices({ record: () => {} });
  let tokens = 0;
  const world = {
    view,
    clock,
    notices,
    logger: createRecordingLogger(),
    objects: memory.objects,
    acts: { assign: act, attach: act },
    tokens: new TokenBook(() => `token-${++tokens}`),
    options: { warm: { min: 0, max: 0 }, quickRelease: false },
    configuration: { subnetIds: ["subnet-a"] },
    subnets: {
      get: async () => ({ cidr: "10.0.16.0/24" }),
      ofZone: () => [{ id: "subnet-a", free: 100, forNewEnis: true }],
      isDraining: () => false,
      took: () => {},
    },
    instances: {
      identify: async () => ({ instance }),
      limit: async () => ({ enis: 2, addressesPerEni: 10 }),
      downFor: () => undefined,
    },
    demandOf: () => demand,
    waitingFor: () => 0,
    capacityKnown: () => {},
    stopwatch: () => 0,
  } as unknown as NodeWorld;
  const creations = { settle: async () => undefined } as unknown as CreationBook;
  const signals = {
    async show(_: Node, readiness: Readiness) {
      if (apiFails !== undefined) throw apiFails;
      shown.push(readiness);
    },
  } as unknown as NodeSignals;
  present = new PresentNodes(world, { creations, signals });
});

async function look(cloud: Eni): Promise<unknown> {
  await clock.advance(1000);
  view.readAll([cloud], clock.monotonic());
  return present.look(node, calls).catch((error: unknown) => error);
}

const told = () => shown.map(({ ready, reason }) => `${reason} ${ready}`);

describe("PresentNodes", () => {
  test("what the cloud refuses stands until it has been done, not only between two attempts", async () => {
    demand = 1;
    await look(eni(1));
    demand = 3;
    refusal = denied;
    shown = [];
    for (let i = 0; i < 3; i++) expect(await look(eni(1))).toBe(denied);
    expect(told().slice(0, 2)).toEqual(["Attaching true", "NotAuthorised false"]);
    expect(new Set(told().slice(1))).toEqual(new Set(["NotAuthorised false"]));
    refusal = undefined;
    await look(eni(1));
    await look(eni(3));
    expect(told().at(-1)).toBe("Serving true");
  });

  test("a refusal to attach that cannot be told fails the look, and nothing else", async () => {
    const stray: unknown[] = [];
    const note = (error: unknown) => void stray.push(error);
    process.on("unhandledRejection", note);
    try {
      await look(eni(1, false));
      await clock.advance(30_000);
      refusal = denied;
      apiFails = new Error("the API server does not answer");
      expect(await look(eni(1, false))).toBe(apiFails);
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off("unhandledRejection", note);
    }
    expect(stray).toEqual([]);
  });
});
