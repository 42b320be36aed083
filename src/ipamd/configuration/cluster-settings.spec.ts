import { expect, test } from "bun:test";
import { type ClusterSettings, readClusterSettings } from "./cluster-settings.ts";

const fallback: ClusterSettings = { vpcId: "vpc-flags", subnetIds: ["subnet-flags"] };
const running: ClusterSettings = { vpcId: "vpc-a", subnetIds: ["subnet-a", "subnet-b"] };

function data(vpcId: string, subnetIds: string) {
  return { TKE_ENI_IPAMD_VPC_ID: vpcId, TKE_ENI_IPAMD_SUBNET_ID: subnetIds, REGION: "ap-sim" };
}

test("without a ConfigMap the flags are in force", () => {
  expect(readClusterSettings(undefined, { fallback, lastGood: undefined })).toEqual({
    ...fallback,
    problems: [],
  });
  expect(readClusterSettings({}, { fallback, lastGood: fallback })).toEqual({ ...fallback, problems: [] });
});

test("with one, what it says: ids joined by colons, each once", () => {
  const read = readClusterSettings(data("vpc-a", "subnet-a:subnet-b::subnet-a"), {
    fallback,
    lastGood: undefined,
  });
  expect(read).toEqual({ ...running, problems: [] });
});

test("subnets come and go while it runs", () => {
  const read = readClusterSettings(data("vpc-a", "subnet-b:subnet-c"), { fallback, lastGood: running });
  expect(read).toEqual({ vpcId: "vpc-a", subnetIds: ["subnet-b", "subnet-c"], problems: [] });
});

test.each([
  [
    data("vpc-a", "subnet-a:subnet_c"),
    'TKE_ENI_IPAMD_SUBNET_ID "subnet-a:subnet_c" must be subnet ids joined by colons, such as subnet-a1:subnet-b2, and "subnet_c" is none: subnet-a:subnet-b is in force; correct it in ConfigMap tke-eni-ipamd',
  ],
  [data("vpc-a", ":"), 'TKE_ENI_IPAMD_SUBNET_ID ":" names no subnet'],
  [data("vpc-b", "subnet-a:subnet-b"), 'TKE_ENI_IPAMD_VPC_ID "vpc-b" is another VPC'],
  [data("VPC", "subnet-a:subnet-b"), 'TKE_ENI_IPAMD_VPC_ID "VPC" is not the id of a VPC'],
  [undefined, 'TKE_ENI_IPAMD_SUBNET_ID "" is not there, which removes no subnet'],
  [{ TKE_ENI_IPAMD_VPC_ID: "vpc-a" }, 'TKE_ENI_IPAMD_SUBNET_ID "" is not there'],
])("a wrong value leaves the last good one in force: %#", (wrong, sentence) => {
  const read = readClusterSettings(wrong, { fallback, lastGood: running });
  expect(read).toMatchObject(running);
  expect(read.problems).toHaveLength(1);
  expect(read.problems[0]?.message).toStartWith(sentence);
});

test("a wrong value at first leaves the flags in force", () => {
  const read = readClusterSettings(data("vpc-a", "no"), { fallback, lastGood: undefined });
  expect(read).toMatchObject({ vpcId: "vpc-a", subnetIds: ["subnet-flags"] });
  expect(read.problems).toHaveLength(1);
});

test("a ConfigMap that went while nobody led removes no subnet that a former leader had", () => {
  const published = ["subnet-a", "subnet-flags"];
  const read = readClusterSettings(undefined, { fallback, lastGood: undefined, published });
  expect(read.subnetIds).toEqual(["subnet-flags", "subnet-a"]);
  expect(read.problems[0]?.message).toContain("is not there, which removes no subnet");
});
