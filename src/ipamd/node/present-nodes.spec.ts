import { beforeEach, describe, expect, test } from "bun:test";
import { ENI_TAGS } from "../../api/eni-tags.ts";
import type { VpcENISpec } from "../../api/vpc-eni.ts";
import { CloudError } from "../../cloud/cloud-error.ts";
import type { Eni, Instance } from "../../cloud/cloud-vpc.ts";
import { cloudEni } from "../../cloud/testing/cloud-eni.ts";
import type { Node } from "../../kube/core-resources.ts";
import { createRecordingLogger } from "../../kube/testing/recording-logger.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import { CloudView } from "../cloud-view/cloud-view.ts";
import { createMemoryObjects, type MemoryObjects } from "../objects/testing/memory-objects.ts";
import { TokenBook } from "../objects/token-book.ts";
import type { NodeSignals } from "../signals/node-signals.ts";
import { Notices } from "../signals/notices.ts";
import type { CreationBook } from "./creation-book.ts";
import type { NodeWorld } from "./node-world.ts";
import { PresentNodes } from "./present-nodes.ts";
import type { Readiness } from "./ready-condition.ts";
import type { RunCalls } from "./run-calls.ts";

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
  return cloudEni({
    ...(attached && { instanceId: "ins-1" }),
    addresses: Array.from({ length: addresses }, (_, i) => ({
      address: `10.0.16.${10 + i}`,
      state: "available" as const,
    })),
    tags: [{ key: ENI_TAGS.node, value: "node-1" }],
  });
}

const veni: VpcENISpec = {
  type: "Shared",
  node: "node-1",
  instanceID: "ins-1",
  mac: "20:90:6f:00:00:01",
  subnetID: "subnet-a",
  subnetCIDR: "10.0.16.0/24",
  gateway: "10.0.16.1",
  primaryIP: "10.0.16.2",
  intent: "Attached",
};

const denied = new CloudError({
  class: "not-authorised",
  action: "AssignPrivateIpAddresses",
  code: "UnauthorizedOperation",
  message: "no permission",
  requestId: "request-1",
});

const unanswered = new CloudError({
  class: "unknown",
  action: "CreateNetworkInterface",
  code: "",
  message: "timeout",
  requestId: "",
});

let clock: ManualClock;
let memory: MemoryObjects;
let view: CloudView;
let demand: number;
/** Quota of the instance. */
let enis: number;
let refusal: CloudError | undefined;
let shown: Readiness[];
let apiFails: Error | undefined;
let present: PresentNodes;
/** The answer to the next Attach. */
let attaching: Promise<void> | undefined;
/** The answer to the next Create. */
let creating: PromiseWithResolvers<Eni>;

const calls = {
  claim: (action: string) => ({ action, use: (call: () => unknown) => call(), release: () => {} }),
  hasPostponed: () => false,
} as unknown as RunCalls;

beforeEach(() => {
  clock = createManualClock();
  memory = createMemoryObjects();
  view = new CloudView();
  demand = 3;
  enis = 2;
  refusal = undefined;
  shown = [];
  apiFails = undefined;
  attaching = undefined;
  creating = Promise.withResolvers<Eni>();
  const act = async () => {
    if (refusal !== undefined) throw refusal;
  };
  const notices = new Notices({ record: () => {} });
  let tokens = 0;
  const world = {
    view,
    clock,
    notices,
    nodes: { get: () => undefined },
    logger: createRecordingLogger(),
    objects: memory.objects,
    acts: {
      assign: () => act().then(() => []),
      attach: () => attaching ?? act(),
      create: () => creating.promise,
    },
    nonce: () => "nonce-1",
    tokens: new TokenBook(() => `token-${++tokens}`),
    options: { warm: { min: 0, max: 0 }, quickRelease: false, cluster: { id: "cls-1", uid: "uid" } },
    configuration: { subnetIds: ["subnet-a"], vpcId: "vpc-1" },
    subnets: {
      get: async () => ({ cidr: "10.0.16.0/24" }),
      ofZone: () => [{ id: "subnet-a", free: 100, forNewEnis: true }],
      isDraining: () => false,
      took: () => {},
    },
    instances: {
      identify: async () => ({ instance }),
      limit: async () => ({ enis, addressesPerEni: 10 }),
      doubtLimit: () => {},
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

  test("a refusal to attach one ENI leaves the intent to make the next as it is", async () => {
    demand = 15;
    enis = 3;
    const answer = Promise.withResolvers<void>();
    attaching = answer.promise;
    const heard = Promise.withResolvers<void>();
    memory.answered = (object) => {
      if (!JSON.stringify(object).includes("nonce-1")) return Promise.resolve();
      answer.reject(denied);
      return heard.promise;
    };
    view.readAll([eni(9, false)], clock.monotonic());
    await memory.objects.writeEni("eni-1", veni);
    const looked = present.look(node, calls).catch((error: unknown) => error);
    await clock.advance(1000);
    heard.resolve();
    await clock.advance(1000);
    expect(memory.configs.get("node-1")?.status?.creating?.nonce).toBe("nonce-1");
    creating.reject(unanswered);
    expect(await looked).toBe(denied);
    expect(told().at(-1)).toBe("NotAuthorised false");
    expect(memory.configs.get("node-1")?.status?.creating?.nonce).toBe("nonce-1");
  });

  test("a machine whose ENIs are those of its former name makes none, also under a name that another machine had", async () => {
    await memory.objects.writeEni("eni-1", { ...veni, node: "former-name" });
    await memory.objects.writeEni("eni-9", { ...veni, instanceID: "ins-9" });
    expect(await present.look(node, calls)).toEqual({ againInMs: 1000 });
    expect(memory.configs.get("node-1")?.status).toBeUndefined();
  });
});
