import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ENI_TAGS } from "../api/eni-tags.ts";
import type { NodeENIConfig, NodeENIConfigStatus } from "../api/node-eni-config.ts";
import type { CloudVpc, Eni, Subnet } from "../cloud/cloud-vpc.ts";
import { cloudEni } from "../cloud/testing/cloud-eni.ts";
import type { Node } from "../kube/core-resources.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import type { LeaderElector } from "../kube/lease.ts";
import { createRecordingLogger, type RecordingLogger } from "../kube/testing/recording-logger.ts";
import { createManualClock, type ManualClock } from "../time/testing/manual-clock.ts";
import type { IpamdWorld } from "./ipamd.ts";
import { Leadership, type LeadershipOptions } from "./leadership.ts";
import type { ClaimReflector, Watches } from "./watches.ts";

const CLUSTER = { id: "cls-1", uid: "uid-1" };
const subnet: Subnet = {
  id: "subnet-a",
  vpcId: "vpc-1",
  zone: "ap-1",
  cidr: "10.0.16.0/24",
  total: 253,
  free: 250,
};

const node: Node = {
  metadata: { name: "node-1", uid: "uid-n", resourceVersion: "1", creationTimestamp: "2026-03-01T12:00:00Z" },
  spec: {},
};

function eni(uid: string, primary = false): Eni {
  return cloudEni({
    primary,
    instanceId: "ins-1",
    tags: [
      { key: ENI_TAGS.clusterId, value: CLUSTER.id },
      { key: ENI_TAGS.clusterUid, value: uid },
    ],
  });
}

let clock: ManualClock;
let logger: RecordingLogger;
let inCloud: Eni[];
let cloudFails: Error | undefined;
/** What was applied, as `plural/name`. */
let applied: string[];
/** NodeENIConfigs that the API server has, and no watch has shown. */
let stored: NodeENIConfig[];
/** What was written of NodeENIConfigs. */
let statuses: NodeENIConfigStatus[];
let failures: Error[];
let leadership: Leadership;

/** A watch that holds these objects and brings no more. */
function still<T extends { metadata: { name: string } }>(...objects: T[]) {
  return {
    store: {
      get: (name: string) => objects.find((it) => it.metadata.name === name),
      list: () => objects,
      index: () => [],
    },
    subscribe: () => () => {},
  };
}

beforeEach(() => {
  clock = createManualClock();
  logger = createRecordingLogger();
  inCloud = [];
  cloudFails = undefined;
  applied = [];
  failures = [];
  stored = [];
  statuses = [];
  const apply = async (
    { plural }: { plural: string },
    object: { metadata: { name: string }; status?: NodeENIConfigStatus },
  ) => {
    applied.push(`${plural}/${object.metadata.name}`);
    if (plural === "nodeeniconfigs" && object.status !== undefined) statuses.push(object.status);
    return { ...object, metadata: { uid: "uid", resourceVersion: "1", ...object.metadata } };
  };
  const kube = {
    apply,
    applyStatus: apply,
    find: async () => undefined,
    list: async () => ({ items: stored, resourceVersion: "7" }),
  } as unknown as KubeClient;
  async function answer<T>(value: () => T): Promise<T> {
    if (cloudFails !== undefined) throw cloudFails;
    return value();
  }
  const cloud = {
    subnets: () => answer(() => [subnet]),
    interfacesByTag: () => answer(() => inCloud),
    instanceByAddress: () => answer(() => undefined),
    instancesById: () => answer(() => []),
  } as unknown as CloudVpc;
  leadership = new Leadership(
    {
      cloud,
      clock,
      random: () => 0.5,
      logger,
      nonce: () => "nonce",
      stopwatch: () => clock.monotonic(),
    } as unknown as IpamdWorld,
    {
      kube,
      elector: { isLeader: () => true, outlives: () => true } as unknown as LeaderElector,
      watches: {
        nodes: still(node),
        pods: still(),
        configs: still(),
        enis: still(),
        addresses: still(),
        subnets: still(),
        configuration: still(),
      } as unknown as Watches,
      claims: still() as unknown as ClaimReflector,
      settings: {
        clusterId: CLUSTER.id,
        vpcId: "vpc-1",
        subnetIds: ["subnet-a"],
        warm: { min: 5, max: 5 },
        quickRelease: false,
        nodeGoneGraceMs: 120_000,
        agentAnswerMs: 30_000,
        nodeTaint: false,
        nodeCondition: false,
        namespace: "kube-system",
        identity: "ipamd-1",
        cloudTimeoutMs: 10_000,
        leaseDurationMs: 20_000,
      } as LeadershipOptions["settings"],
      cluster: CLUSTER,
      failed: (error) => void failures.push(error),
    },
  );
});

afterEach(async () => {
  const stopping = leadership.stop();
  await clock.advance(10_000);
  await stopping;
});

const looksAtNodes = () => applied.includes("nodeeniconfigs/node-1");

describe("Leadership", () => {
  test("looks at every node once subnets and ENIs have been read", async () => {
    leadership.start();
    await clock.advance(1000);
    expect(applied[0]).toBe("vpcsubnets/subnet-a");
    expect(looksAtNodes()).toBe(true);
    expect(failures).toEqual([]);
  });

  test("decides nothing while the cloud has not answered, tries again, and goes on by itself", async () => {
    cloudFails = new Error("no answer");
    leadership.start();
    await clock.advance(20_000);
    expect(applied).toEqual([]);
    const tries = logger.lines.filter(({ level }) => level === "error").length;
    expect(tries).toBeGreaterThan(2);
    expect(tries).toBeLessThan(10);
    cloudFails = undefined;
    await clock.advance(31_000);
    expect(looksAtNodes()).toBe(true);
    expect(failures).toEqual([]);
  });

  test("ends where another cluster of its id has ENIs, and says what to do", async () => {
    inCloud = [eni("uid of another")];
    leadership.start();
    await clock.advance(1000);
    expect(failures[0]?.message).toContain('another cluster of the same id "cls-1"');
    expect(failures[0]?.message).toContain("adopt --from-uid uid of another");
    // Nobody has stopped it yet, and it does nothing for any node.
    await clock.advance(60_000);
    expect(looksAtNodes()).toBe(false);
    expect(failures).toHaveLength(1);
  });

  test("a primary ENI that carries the cluster's tags is nobody else's, and not ours to touch", async () => {
    inCloud = [eni(CLUSTER.uid, true)];
    leadership.start();
    await clock.advance(1000);
    expect(failures).toEqual([]);
    expect(applied.filter((it) => it.startsWith("vpcenis/"))).toEqual([]);
  });

  test("an intent that a former leader has written stands, though the watch has not shown it yet", async () => {
    const creating = { nonce: "nonce-0", subnetID: "subnet-a", addresses: 5, since: "2026-03-01T12:00:00Z" };
    stored = [
      {
        apiVersion: "networking.tke.cloud.tencent.com/v1",
        kind: "NodeENIConfig",
        metadata: { name: "node-1", uid: "uid", resourceVersion: "7" },
        spec: {},
        status: { creating },
      },
    ];
    leadership.start();
    await clock.advance(1000);
    expect(statuses.length).toBeGreaterThan(0);
    for (const status of statuses) expect(status.creating).toEqual(creating);
  });
});
