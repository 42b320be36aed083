import { expect, it } from "bun:test";
import { claimWish } from "./claim-wish.ts";

const PREFIX = "tke.cloud.tencent.com/";

it.each([
  [{}, { policy: "Immediate", ownOnly: false }],
  [{ "vpc-ip-claim-delete-policy": "Never" }, { policy: "Never", ownOnly: true }],
  [{ "vpc-ip-claim-delete-policy": "never" }, { policy: "Immediate", ownOnly: false }],
  [{ "nominated-vpc-ip": "10.0.0.7" }, { policy: "Immediate", ownOnly: true, address: "10.0.0.7" }],
  [{ "nominated-vpc-ip": "10.0.0" }, { policy: "Immediate", ownOnly: true }],
  [
    { "nominated-eni-subnets": "subnet-a, subnet-b" },
    { policy: "Immediate", ownOnly: true, subnetIds: ["subnet-a", "subnet-b"] },
  ],
  [{ "nominated-eni-subnets": "" }, { policy: "Immediate", ownOnly: false }],
  [{ "claim-expired-duration": "10m" }, { policy: "Immediate", ownOnly: false, expiresAfterSeconds: 600 }],
  [{ "claim-expired-duration": "4m59s" }, { policy: "Immediate", ownOnly: false }],
  [{ "claim-expired-duration": "soon" }, { policy: "Immediate", ownOnly: false }],
])("a pod annotated %j asks for %j", (annotations, expected) => {
  const named = Object.fromEntries(Object.entries(annotations).map(([key, value]) => [PREFIX + key, value]));
  const metadata = { name: "a", uid: "u", resourceVersion: "1", creationTimestamp: "", annotations: named };
  expect(claimWish({ metadata })).toEqual(expected as ReturnType<typeof claimWish>);
});

it("names what controls the pod", () => {
  const owner = { apiVersion: "apps/v1", kind: "StatefulSet", name: "web", uid: "u" };
  const ownerReferences = [
    { ...owner, kind: "Other" },
    { ...owner, controller: true },
  ];
  const metadata = { name: "a", uid: "u", resourceVersion: "1", creationTimestamp: "", ownerReferences };
  expect(claimWish({ metadata }).owner).toEqual({ ...owner, controller: true });
});
