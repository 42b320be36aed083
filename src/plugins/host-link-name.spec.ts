import { expect, test } from "bun:test";
import { hostLinkName } from "./host-link-name.ts";

test("the pod of CNI_ARGS names its link, else the container does", () => {
  const args = new Map([
    ["K8S_POD_NAMESPACE", "default"],
    ["K8S_POD_NAME", "web-0"],
  ]);
  expect(hostLinkName({ args, containerId: "c1", ifName: "eth0" })).toBe("eni0d7763386da");
  expect(hostLinkName({ args: new Map(), containerId: "c1", ifName: "eth0" })).toBe("eni2f22765d049");
});
