import { expect, it } from "bun:test";
import { instanceIdOf } from "./instance-id.ts";

it("instanceIdOf() reads Tencent Cloud's providerID and no other", () => {
  expect(instanceIdOf("qcloud:///200001/ins-4abc123")).toBe("ins-4abc123");
  expect(instanceIdOf(undefined)).toBeUndefined();
  expect(instanceIdOf("aws:///eu-west-1a/i-0123")).toBeUndefined();
  expect(instanceIdOf("qcloud:///200001/eni-1")).toBeUndefined();
});
