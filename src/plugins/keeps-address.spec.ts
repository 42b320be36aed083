import { expect, test } from "bun:test";
import { parseNetworkConfiguration } from "../cni/network-configuration.ts";
import { keepsAddress } from "./keeps-address.ts";

const POLICY = "tke.cloud.tencent.com/vpc-ip-claim-delete-policy";

test.each([
  [{ [POLICY]: "Never" }, true],
  [{ [POLICY]: "Immediate" }, false],
  [{ [POLICY]: "never" }, false],
  [{ other: "Never" }, false],
  [{ "tke.cloud.tencent.com/nominated-vpc-ip": "10.0.16.9" }, true],
  [{ "tke.cloud.tencent.com/nominated-eni-subnets": "subnet-a" }, true],
  [{ "tke.cloud.tencent.com/nominated-eni-subnets": "" }, false],
  [undefined, false],
])("a pod annotated %j: %p", (annotations, keeps) => {
  const runtimeConfig = { "io.kubernetes.cri.pod-annotations": annotations };
  const text = JSON.stringify({ cniVersion: "1.1.0", name: "a", type: "tke-route-eni", runtimeConfig });
  expect(keepsAddress(parseNetworkConfiguration(text))).toBe(keeps);
});
