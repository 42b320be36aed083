import { beforeEach, describe, expect, test } from "bun:test";
import { ENI_TAGS } from "../../api/eni-tags.ts";
import type { CloudVpc, Eni } from "../../cloud/cloud-vpc.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import { answeringTransport, listOf } from "../testing/answering-transport.ts";
import { runAudit } from "./run-audit.ts";

const GROUP = "/apis/networking.tke.cloud.tencent.com/v1";

/** An ENI that another cluster of the same id has made. */
const foreign: Eni = {
  id: "eni-1",
  name: "",
  mac: "20:90:6f:00:00:01",
  vpcId: "vpc-1",
  subnetId: "subnet-a",
  zone: "ap-1",
  primary: false,
  state: "available",
  instanceId: "ins-1",
  primaryAddress: "10.0.16.2",
  addresses: [],
  tags: [
    { key: ENI_TAGS.clusterId, value: "cls-1" },
    { key: ENI_TAGS.clusterUid, value: "uid of another cluster" },
  ],
};

let clock: ManualClock;
/** What the cloud answers, one reading after the other. */
let readings: Eni[][];
let asked: string[][];
let printed: string;

beforeEach(() => {
  clock = createManualClock();
  readings = [];
  asked = [];
  printed = "";
});

async function audit(): Promise<"clean" | "quarantined"> {
  const transport = answeringTransport({
    "/api/v1/namespaces/kube-system": { metadata: { name: "kube-system", uid: "uid-1" } },
    "/api/v1/namespaces/kube-system/configmaps/tke-eni-ipamd": {
      metadata: { name: "tke-eni-ipamd" },
      data: { TKE_ENI_IPAMD_SUBNET_ID: "subnet-a", TKE_ENI_IPAMD_VPC_ID: "vpc-1" },
    },
    "/api/v1/nodes": listOf({
      metadata: { name: "node-1" },
      spec: { providerID: "qcloud:///100001/ins-1" },
    }),
    [`${GROUP}/nodeeniconfigs`]: listOf(),
    [`${GROUP}/vpcenis`]: listOf(),
    [`${GROUP}/vpcips`]: listOf(),
    [`${GROUP}/vpcsubnets`]: listOf({
      metadata: { name: "subnet-a" },
      spec: { vpcID: "vpc-1", zone: "ap-1", cidr: "10.0.16.0/24" },
    }),
  });
  const cloud = {
    interfacesByTag: async () => readings.shift() ?? [],
    instancesById: async (ids: readonly string[]) => {
      asked.push([...ids]);
      return [];
    },
  } as unknown as CloudVpc;
  const running = runAudit(
    { transport, cloud, clock },
    {
      clusterId: "cls-1",
      vpcId: "vpc-1",
      subnetIds: ["subnet-b"],
      output: "json",
      print: (text) => {
        printed += text;
      },
    },
  );
  for (let i = 0; i < 20; i++) await clock.advance(500);
  return running;
}

describe("runAudit()", () => {
  test("names what both of its readings show, and says that it waits for a person", async () => {
    readings = [[foreign], [foreign]];
    expect(await audit()).toBe("quarantined");
    const findings: { kind: string }[] = JSON.parse(printed);
    expect(findings).toContainEqual(
      expect.objectContaining({ kind: "foreign-eni", severity: "quarantined" }),
    );
  });

  test("says nothing of what only one of them shows", async () => {
    readings = [[foreign], []];
    expect(await audit()).toBe("clean");
    expect(printed).not.toContain("foreign-eni");
    readings = [[], [foreign]];
    printed = "";
    expect(await audit()).toBe("clean");
    expect(printed).not.toContain("foreign-eni");
  });

  test("asks the cloud for the instances that Nodes and objects name", async () => {
    await audit();
    expect(asked).toEqual([["ins-1"], ["ins-1"]]);
  });
});
