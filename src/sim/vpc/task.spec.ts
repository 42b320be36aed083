import { describe, expect, it } from "bun:test";
import { advance } from "./advance.ts";
import { createNetworkInterface } from "./create-network-interface.ts";
import { eniWish, refusal, smallCloud } from "./small-cloud.ts";
import { findTask, latencyOf } from "./task.ts";

const hour = 60 * 60 * 1000;

describe("latencyOf()", () => {
  it("is the action's own, else that of all", () => {
    expect(latencyOf(smallCloud(), "AttachNetworkInterface")).toBe(200);
    expect(latencyOf(smallCloud(), "DetachNetworkInterface")).toBe(100);
  });
});

describe("findTask()", () => {
  it("knows a task for an hour after it is over", () => {
    const { state } = createNetworkInterface(smallCloud(), eniWish(), { now: 0, requestId: "task-1" });
    const done = advance(state, 100).state;
    expect(findTask(advance(done, 100 + hour).state, "task-1").status).toBe("SUCCESS");
    expect(refusal(() => findTask(advance(done, 101 + hour).state, "task-1"))).toBe("ResourceNotFound");
  });
});
