import { beforeEach, describe, expect, test } from "bun:test";
import { ENI_TAGS } from "../../api/eni-tags.ts";
import { IPAMD_MANAGER } from "../../api/field-managers.ts";
import { CloudError } from "../../cloud/cloud-error.ts";
import type { CloudVpc, Eni } from "../../cloud/cloud-vpc.ts";
import { cloudEni } from "../../cloud/testing/cloud-eni.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import { answeringTransport, listOf } from "../testing/answering-transport.ts";
import { runAudit } from "./run-audit.ts";

const GROUP = "/apis/networking.tke.cloud.tencent.com/v1";

/** An ENI that another cluster of the same id has made. */
const foreign: Eni = cloudEni({
  instanceId: "ins-1",
  tags: [
    { key: ENI_TAGS.clusterId, value: "cls-1" },
    { key: ENI_TAGS.clusterUid, value: "uid of another cluster" },
  ],
});

let clock: ManualClock;
/** What the cloud answers, one reading after the other. */
let readings: Eni[][];
let asked: string[][];
let refusal: CloudError | undefined;
/** When ipamd asked for the address 10.0.16.10, and for 10.0.16.20. */
let asking: { recent: string; old: string } | undefined;
/** VpcIPClaims that are there. */
let claims: object[];
/** How many pods the node may take, which is said with fixed addresses only. */
let slots: number | undefined;
let printed: string;

beforeEach(() => {
  clock = createManualClock();
  readings = [];
  asked = [];
  refusal = undefined;
  asking = undefined;
  claims = [];
  slots = undefined;
  printed = "";
});

function askedFor(): object[] {
  if (asking === undefined) return [];
  return [["10.0.16.10", asking.recent] as const, ["10.0.16.20", asking.old] as const].map(
    ([name, time]) => ({
      metadata: { name, managedFields: [{ manager: IPAMD_MANAGER, operation: "Apply", time }] },
      spec: {
        ...{ type: "Pod", subnetID: "subnet-a", eniID: "eni-1", node: "node-1", instanceID: "ins-1" },
        reclaim: { token: `token of ${name}`, mode: "now" },
      },
    }),
  );
}

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
    [`${GROUP}/nodeeniconfigs`]: listOf(
      ...(slots === undefined ? [] : [{ metadata: { name: "node-1" }, spec: {}, status: { slots } }]),
    ),
    [`${GROUP}/vpcenis`]: listOf(),
    [`${GROUP}/vpcips`]: listOf(...askedFor()),
    [`${GROUP}/vpcipclaims`]: listOf(...claims),
    [`${GROUP}/vpcsubnets`]: listOf({
      metadata: { name: "subnet-a" },
      spec: { vpcID: "vpc-1", zone: "ap-1", cidr: "10.0.16.0/24" },
    }),
  });
  const cloud = {
    interfacesByTag: async () => {
      if (refusal !== undefined) throw refusal;
      return readings.shift() ?? [];
    },
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
  running.catch(() => {});
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

  test("names what is wrong with claims where fixed addresses are served, and nothing of claims that are left", async () => {
    const rival = (name: string) => ({
      metadata: { name, namespace: "shop" },
      spec: { policy: "Never", address: "10.0.16.10", subnetID: "subnet-a" },
    });
    claims = [rival("db-0"), rival("db-1")];
    asking = { recent: "2026-01-01T00:00:00Z", old: "2026-01-01T00:00:00Z" };
    const subjects = async () => {
      printed = "";
      await audit();
      const findings: { kind: string; subject: { name: string } }[] = JSON.parse(printed);
      return findings
        .filter(({ kind }) => kind === "address-of-two-claims")
        .map(({ subject }) => subject.name);
    };
    expect(await subjects()).toEqual([]);
    slots = 9;
    expect(await subjects()).toEqual(["10.0.16.10"]);
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

  test("ends with one sentence when the cloud does not accept the credential", async () => {
    refusal = new CloudError({
      class: "credential",
      action: "DescribeNetworkInterfaces",
      code: "AuthFailure.SignatureFailure",
      message: "The signature is wrong.",
      requestId: "r1",
    });
    await expect(audit()).rejects.toThrow(
      /^the cloud does not accept the credential \(.*\): put a valid one into/,
    );
    expect(printed).toBe("");
  });

  test("names a request that an agent has not answered for long, by the date of ipamd's last change", async () => {
    const seconds = (ago: number) => new Date(clock.now() - ago * 1000).toISOString().replace(/\.\d+Z$/, "Z");
    asking = { recent: seconds(30), old: seconds(600) };
    expect(await audit()).toBe("quarantined");
    const findings: { kind: string; subject: { name: string } }[] = JSON.parse(printed);
    expect(
      findings.filter(({ kind }) => kind === "reclaim-unanswered").map(({ subject }) => subject.name),
    ).toEqual(["10.0.16.20"]);
  });
});
