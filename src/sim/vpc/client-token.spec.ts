import { describe, expect, it } from "bun:test";
import { once } from "./client-token.ts";
import { createNetworkInterface } from "./create-network-interface.ts";
import { eniWish, refusal, smallCloud } from "./small-cloud.ts";
import type { CloudState } from "./state.ts";

const hour = 60 * 60 * 1000;

function create(state: CloudState, token: string | undefined, now: number, subnetId?: string) {
  const wish = eniWish(subnetId === undefined ? {} : { subnetId });
  return once(state, { action: "CreateNetworkInterface", token, now }, () =>
    createNetworkInterface(state, wish, { now, requestId: `task-${now}` }),
  );
}

describe("once()", () => {
  it("gives the first answer again for the same token, and does nothing", () => {
    const first = create(smallCloud(), "t", 1);
    const second = create(first.state, "t", 2);
    expect(second.answer).toEqual(first.answer);
    expect(second.state).toBe(first.state);
  });

  it("does it again for another token, without one, and after an hour", () => {
    const first = create(smallCloud(), "t", 1);
    expect(create(first.state, "u", 2).answer.eniId).not.toBe(first.answer.eniId);
    expect(create(create(smallCloud(), undefined, 1).state, undefined, 2).state.enis.size).toBe(4);
    expect(create(first.state, "t", hour + 2).answer.eniId).not.toBe(first.answer.eniId);
  });

  it("lets a request that was refused be tried again", () => {
    const state = smallCloud();
    expect(refusal(() => create(state, "t", 1, "subnet-00000000"))).toBe("ResourceNotFound");
    expect(create(state, "t", 2).answer.state).toBe("PENDING");
  });
});
