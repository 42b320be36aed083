import { expect, test } from "bun:test";
import { podLinkName } from "./pod-link-name.ts";

const pod = { namespace: "default", name: "web-0" };

// Each is `printf %s TEXT | sha1sum | cut -c1-11`.
test.each([
  ["default.web-0", { pod, containerId: "c1", ifName: "eth0" }, "eni0d7763386da"],
  ["default.web-0.eth1", { pod, containerId: "c1", ifName: "eth1" }, "eni5b6639a4026"],
  ["c1", { pod: undefined, containerId: "c1", ifName: "eth0" }, "eni2f22765d049"],
])("the link of %s", (_, attachment, name) => {
  expect(podLinkName(attachment)).toBe(name);
});
