import { expect, test } from "bun:test";
import { hostLinkName } from "./host-link-name.ts";

const POD = new Map([
  ["K8S_POD_NAMESPACE", "default"],
  ["K8S_POD_NAME", "web-0"],
]);

// Each is `printf %s TEXT | sha1sum | cut -c1-11`.
test.each([
  ["default.web-0", { args: POD, containerId: "c1", ifName: "eth0" }, "eni0d7763386da"],
  ["default.web-0.eth1", { args: POD, containerId: "c1", ifName: "eth1" }, "eni5b6639a4026"],
  ["c1", { args: new Map(), containerId: "c1", ifName: "eth0" }, "eni2f22765d049"],
] as const)("the link of %s", (_, attachment, name) => {
  expect(hostLinkName(attachment)).toBe(name);
});
