import { expect, test } from "bun:test";
import { instanceOfProviderId } from "./provider-id.ts";

test.each([
  ["qcloud:///800001/ins-0a1b2c3d", "ins-0a1b2c3d"],
  ["qcloud:////ins-0a1b2c3d", "ins-0a1b2c3d"],
  ["aws:///us-east-1a/i-0123", undefined],
  ["qcloud:///800001/kn-12345", undefined],
  ["", undefined],
  [undefined, undefined],
])("instanceOfProviderId(%p) is %p", (providerId, instance) => {
  expect(instanceOfProviderId(providerId)).toBe(instance as string);
});
