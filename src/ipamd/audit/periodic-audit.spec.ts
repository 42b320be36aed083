import { beforeEach, describe, expect, test } from "bun:test";
import { ENI_TAGS } from "../../api/eni-tags.ts";
import type { VpcIPClaim } from "../../api/vpc-ip-claim.ts";
import type { Eni } from "../../cloud/cloud-vpc.ts";
import { cloudEni } from "../../cloud/testing/cloud-eni.ts";
import type { Occurrence } from "../../kube/event-series.ts";
import { createRecordingLogger, type RecordingLogger } from "../../kube/testing/recording-logger.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import { createMemoryObjects, type MemoryObjects } from "../objects/testing/memory-objects.ts";
import { PeriodicAudit } from "./periodic-audit.ts";

const CLUSTER = { id: "cls-1", uid: "uid-1" };

/** An ENI of ours for which nobody has made an object, and which no Node explains. */
function orphan(uid = CLUSTER.uid): Eni {
  return cloudEni({
    instanceId: "ins-1",
    tags: [
      { key: ENI_TAGS.clusterId, value: CLUSTER.id },
      { key: ENI_TAGS.clusterUid, value: uid },
      { key: ENI_TAGS.node, value: "node-1" },
      { key: ENI_TAGS.nonce, value: "nonce-1" },
    ],
  });
}

let clock: ManualClock;
let logger: RecordingLogger;
let memory: MemoryObjects;
let inCloud: Eni[];
let events: Occurrence[];
let claims: VpcIPClaim[];
let audit: PeriodicAudit;

beforeEach(() => {
  clock = createManualClock();
  logger = createRecordingLogger();
  memory = createMemoryObjects();
  memory.subnets.set("subnet-a", {
    apiVersion: "networking.tke.cloud.tencent.com/v1",
    kind: "VpcSubnet",
    metadata: { name: "subnet-a" },
    spec: { vpcID: "vpc-1", zone: "ap-1", cidr: "10.0.16.0/24" },
  });
  inCloud = [];
  events = [];
  claims = [];
  audit = new PeriodicAudit({
    objects: memory.objects,
    claims: () => claims,
    cloud: () => inCloud,
    nodes: { list: () => [] },
    configuredSubnets: () => ["subnet-a"],
    cluster: CLUSTER,
    clock,
    logger,
    recorder: { record: (it) => void events.push(it) },
  });
});

/** Time passes, the cloud is read again, an audit is made. */
async function next(...reading: Eni[]): Promise<void> {
  await clock.advance(60_000);
  inCloud = reading;
  audit.run();
}

describe("PeriodicAudit", () => {
  test("tells only what two audits in a row have found, and tells it once", async () => {
    await next(orphan());
    expect([logger.lines, audit.findings]).toEqual([[], []]);
    await next(orphan());
    expect(logger.lines).toHaveLength(audit.findings.length);
    expect(audit.findings.length).toBeGreaterThan(0);
    const told = logger.lines.length;
    await next(orphan());
    expect(logger.lines).toHaveLength(told);
  });

  test("what passed by itself is forgotten, and told again when it comes back to stay", async () => {
    await next(orphan());
    await next();
    await next(orphan());
    expect(logger.lines).toEqual([]);
    await next(orphan());
    const told = logger.lines.length;
    expect(told).toBeGreaterThan(0);
    await next();
    expect(audit.findings).toEqual([]);
    await next(orphan());
    await next(orphan());
    expect(logger.lines).toHaveLength(told * 2);
  });

  test("finds nothing while the cloud has not been read anew", async () => {
    await next(orphan());
    audit.run();
    audit.run();
    expect(logger.lines).toEqual([]);
  });

  test("what waits for a person is an Event about its object as well", async () => {
    const foreign = orphan("uid of another cluster");
    await next(foreign);
    await next({ ...foreign });
    const waiting = audit.findings.filter(({ severity }) => severity === "quarantined");
    expect(waiting.length).toBeGreaterThan(0);
    expect(events).toHaveLength(waiting.length);
    expect(events[0]).toMatchObject({
      type: "Warning",
      reason: "Quarantined",
      about: { kind: "VpcENI", name: "eni-1" },
    });
  });

  test("the Event about a claim is in the claim's namespace", async () => {
    memory.addresses.set("10.0.16.5", {
      apiVersion: "networking.tke.cloud.tencent.com/v1",
      kind: "VpcIP",
      metadata: { name: "10.0.16.5" },
      spec: { type: "Pod", subnetID: "subnet-a", eniID: "eni-1", node: "node-1", instanceID: "ins-1" },
      status: {
        use: { state: "InUse", pod: "shop/web-0", containerID: "c1", since: "2026-01-01T00:00:00Z" },
      },
    });
    claims = [
      {
        apiVersion: "networking.tke.cloud.tencent.com/v1",
        kind: "VpcIPClaim",
        metadata: { namespace: "shop", name: "db-0" },
        spec: { policy: "Never", address: "10.0.16.5" },
      },
    ];
    await next(orphan());
    await next(orphan());
    expect(events.map(({ about }) => about)).toContainEqual(
      expect.objectContaining({ kind: "VpcIPClaim", namespace: "shop", name: "db-0" }),
    );
  });
});
