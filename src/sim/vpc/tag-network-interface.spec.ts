import { describe, expect, it } from "bun:test";
import { eniOf, refusal, smallCloud, withEni } from "./small-cloud.ts";
import { tagNetworkInterface } from "./tag-network-interface.ts";

describe("tagNetworkInterface()", () => {
  it("adds, changes and removes", () => {
    const { state, eniId } = withEni(smallCloud(), {
      tags: [
        { key: "a", value: "1" },
        { key: "b", value: "2" },
      ],
    });
    const replace = [
      { key: "b", value: "3" },
      { key: "c", value: "4" },
    ];
    const step = tagNetworkInterface(state, { eniId, replace, remove: ["a", "nobody"] });
    expect(eniOf(step.state, eniId).tags).toEqual(replace);
  });

  it("refuses an interface that does not exist", () => {
    const request = { eniId: "eni-00000000", replace: [], remove: [] };
    expect(refusal(() => tagNetworkInterface(smallCloud(), request))).toBe("ResourceNotFound");
  });
});
