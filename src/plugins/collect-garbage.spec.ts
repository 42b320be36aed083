import { describe, expect, test } from "bun:test";
import { JsonObject } from "../cni/json-object.ts";
import { validAttachments } from "./collect-garbage.ts";

function valid(configuration: object) {
  return validAttachments(JsonObject.parse(JSON.stringify(configuration), "network configuration"));
}

describe("validAttachments()", () => {
  test("reads the specification's key, and the older one only without it", () => {
    const c1 = [{ containerID: "c1", ifname: "eth0" }];
    expect(valid({ "cni.dev/valid-attachments": c1, "cni.dev/attachments": [] })).toEqual([
      { containerId: "c1", ifName: "eth0" },
    ]);
    expect(valid({ "cni.dev/attachments": c1 })).toHaveLength(1);
    expect(valid({ "cni.dev/valid-attachments": [] })).toEqual([]);
  });

  test.each([
    [{}, "must be the list of attachments that are still valid, and is missing"],
    [
      { "cni.dev/valid-attachments": null },
      "must be the list of attachments that are still valid, and is null",
    ],
    [{ "cni.dev/valid-attachments": "c1" }, "must be a list of objects"],
    [{ "cni.dev/valid-attachments": [{ containerID: "c1" }] }, "ifname must be a string that is not empty"],
  ])("takes %j for no list: nothing is destroyed for it", (configuration, message) => {
    expect(() => valid(configuration)).toThrow(message);
  });
});
