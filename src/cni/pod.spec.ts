import { expect, test } from "bun:test";
import { podOf } from "./pod.ts";

test("podOf() reads what the kubelet tells", () => {
  const args = new Map([
    ["K8S_POD_NAMESPACE", "default"],
    ["K8S_POD_NAME", "web-0"],
    ["K8S_POD_UID", "uid-1"],
  ]);
  expect(podOf(args)).toEqual({ namespace: "default", name: "web-0", uid: "uid-1" });
  args.delete("K8S_POD_UID");
  expect(podOf(args)?.uid).toBe("");
});

test("podOf() is undefined for a caller that is no kubelet", () => {
  expect(podOf(new Map())).toBeUndefined();
  expect(podOf(new Map([["K8S_POD_NAME", "web-0"]]))).toBeUndefined();
});
