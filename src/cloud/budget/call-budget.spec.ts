import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import * as errors from "../testing/cloud-errors.ts";
import { quietLogger } from "../testing/quiet-logger.ts";
import { CallBudget } from "./call-budget.ts";
import type { CloudHealth } from "./health.ts";
import type { Permit } from "./permit.ts";
import type { CloudAction } from "./rates.ts";

const ASSIGN = "AssignPrivateIpAddresses";
const TOGETHER = "CreateAndAttachNetworkInterface";

let clock: ManualClock;
let budget: CallBudget;
let told: string[];

beforeEach(() => start(50));
afterEach(() => budget.stop());

function start(productRate: number): void {
  clock = createManualClock();
  budget = new CallBudget({ clock, random: () => 1, logger: quietLogger }, { productRate });
  told = [];
  budget.onGranted((node) => told.push(node));
}

/** As many permits as there are now, each for another node. */
function claimAll(action: CloudAction): Permit[] {
  const permits: Permit[] = [];
  for (;;) {
    const node = `first-${permits.length}`;
    const permit = budget.claim(node, action, "waiting-pod");
    if (permit === undefined) {
      budget.settle(node, new Set());
      return permits;
    }
    permits.push(permit);
  }
}

const use = (permit: Permit | undefined) => permit?.use(async () => {});

/** A call that ends as given, once it is its turn. */
function readThat(end: Error | undefined, action: CloudAction = "DescribeSubnets"): Promise<unknown> {
  return budget.read(action, async () => {
    if (end !== undefined) throw end;
  });
}

/** Lets a call of that action end as given. */
async function call(end: Error | undefined, action: CloudAction = "DetachNetworkInterface"): Promise<void> {
  const permit = budget.claim("caller", action, "waiting-pod");
  expect(permit).toBeDefined();
  await permit
    ?.use(async () => {
      if (end !== undefined) throw end;
    })
    .catch(() => {});
}

describe("claim", () => {
  test("permits as many calls as the action's rate allows, and the next one a second after an answer", async () => {
    const permits = claimAll(TOGETHER);
    expect(permits.length).toBe(20);
    await use(permits[0]);
    expect(budget.claim("node-a", TOGETHER, "warm-up")).toBeUndefined();
    await clock.advance(999);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual(["node-a"]);
    expect(budget.claim("node-a", TOGETHER, "warm-up")?.action).toBe(TOGETHER);
    expect(budget.claim("node-a", TOGETHER, "warm-up")).toBeUndefined();
  });

  test("permits no more calls than the product's rate allows, whatever the actions", () => {
    expect(
      claimAll(TOGETHER).length + claimAll(ASSIGN).length + claimAll("DeleteNetworkInterface").length,
    ).toBe(50);
    expect(claimAll("ModifyResourceTags").length).toBe(20);
  });

  test("has a permit back that is released, once", () => {
    const permits = claimAll(TOGETHER);
    permits[0]?.release();
    permits[0]?.release();
    expect(claimAll(TOGETHER).length).toBe(1);
  });

  test("lets a permit be used once", async () => {
    const permit = budget.claim("node-a", ASSIGN, "warm-up");
    expect(await permit?.use(async () => 7)).toBe(7);
    expect(permit?.use(async () => 7)).rejects.toThrow(`this permit for ${ASSIGN} is spent`);
  });

  test("does not tell the node that is claiming", () => {
    budget.claim("node-a", ASSIGN, "warm-up");
    expect(told).toEqual([]);
  });
});

describe("whose turn it is", () => {
  test("the more urgent wish comes first, then the node served longest ago", async () => {
    start(1);
    const [permit] = claimAll(ASSIGN);
    budget.claim("releasing", "UnassignPrivateIpAddresses", "release");
    budget.claim("first-0", ASSIGN, "warm-up");
    budget.claim("warming", ASSIGN, "warm-up");
    budget.claim("waiting", ASSIGN, "waiting-pod");
    budget.onGranted(async (node) => {
      const action = node === "releasing" ? "UnassignPrivateIpAddresses" : ASSIGN;
      await use(budget.claim(node, action, "release"));
    });
    await use(permit);
    await clock.advance(10_000);
    expect(told).toEqual(["waiting", "warming", "first-0", "releasing"]);
  });

  test("a permit that nobody comes for goes to the next after two seconds", async () => {
    start(1);
    const [permit] = claimAll(ASSIGN);
    budget.claim("node-a", ASSIGN, "warm-up");
    budget.claim("node-b", ASSIGN, "warm-up");
    permit?.release();
    expect(told).toEqual(["node-a"]);
    expect(budget.claim("node-c", ASSIGN, "waiting-pod")).toBeUndefined();
    await clock.advance(2000);
    expect(told).toEqual(["node-a", "node-c"]);
    await clock.advance(2000);
    expect(told).toEqual(["node-a", "node-c", "node-b"]);
    await clock.advance(2000);
    expect(claimAll(ASSIGN).length).toBe(1);
  });

  test("what a node does not want any more goes to the next at once", () => {
    start(1);
    const [permit] = claimAll(ASSIGN);
    for (const node of ["node-a", "node-b", "node-c"]) budget.claim(node, ASSIGN, "warm-up");
    budget.settle("node-b", new Set(["DetachNetworkInterface"]));
    permit?.release();
    expect(told).toEqual(["node-a"]);
    budget.settle("node-a", new Set([ASSIGN]));
    expect(told).toEqual(["node-a"]);
    budget.settle("node-a", new Set());
    expect(told).toEqual(["node-a", "node-c"]);
  });
});

describe("claimCreation", () => {
  test("makes ENIs alone when the calls that also attach are used up", () => {
    const ways = Array.from({ length: 60 }, (_, i) => budget.claimCreation(`node-${i}`, "waiting-pod")?.how);
    expect(ways.filter((how) => how === "create-and-attach").length).toBe(20);
    expect(ways.filter((how) => how === "create").length).toBe(30);
    expect(budget.metrics()[TOGETHER].waiting).toBe(10);
  });

  test("lets ENIs that are made be attached before as urgent ones are made alone", async () => {
    start(21);
    const together = claimAll(TOGETHER);
    const alone = budget.claimCreation("node-a", "waiting-pod");
    expect(alone?.how).toBe("create");
    budget.claimCreation("node-b", "waiting-pod");
    budget.claim("first-0", "AttachNetworkInterface", "waiting-pod");
    alone?.permit.release();
    expect(told).toEqual(["first-0"]);
    await use(together[0]);
    await clock.advance(1000);
    expect(told).toEqual(["first-0", "node-b"]);
    expect(budget.claimCreation("node-b", "waiting-pod")?.how).toBe("create-and-attach");
  });

  test("does not let warm ENIs that wait to be attached hold up a waiting pod", () => {
    start(21);
    claimAll(TOGETHER);
    const alone = budget.claimCreation("node-a", "waiting-pod");
    budget.claim("warming", "AttachNetworkInterface", "warm-up");
    budget.claimCreation("node-b", "waiting-pod");
    alone?.permit.release();
    expect(told).toEqual(["node-b"]);
  });

  test("a wish for an ENI in any way ends with a run that wants one alone", () => {
    start(1);
    const [permit] = claimAll(ASSIGN);
    budget.claimCreation("node-a", "warm-up");
    budget.settle("node-a", new Set(["creation"]));
    expect(budget.metrics()[TOGETHER].waiting).toBe(1);
    budget.claim("node-a", "CreateNetworkInterface", "warm-up");
    budget.settle("node-a", new Set(["CreateNetworkInterface"]));
    expect(budget.metrics()[TOGETHER].waiting).toBe(0);
    permit?.release();
    expect(told).toEqual(["node-a"]);
  });
});

describe("read", () => {
  test("comes in order, and before all wishes", async () => {
    start(1);
    const [permit] = claimAll(ASSIGN);
    budget.claim("node-a", ASSIGN, "waiting-pod");
    const order: number[] = [];
    for (const i of [1, 2]) void budget.read("DescribeSubnets", async () => void order.push(i));
    await use(permit);
    await clock.advance(1000);
    expect([order, told]).toEqual([[1], []]);
    await clock.advance(1000);
    expect([order, told]).toEqual([[1, 2], []]);
    await clock.advance(1000);
    expect(told).toEqual(["node-a"]);
  });

  test("is not held up by one whose action has no token left", async () => {
    const limits = Array.from({ length: 21 }, () => readThat(undefined, "DescribeNetworkInterfaceLimit"));
    await readThat(undefined);
    expect(budget.metrics().DescribeNetworkInterfaceLimit.waiting).toBe(1);
    await clock.advance(1000);
    await Promise.all(limits);
  });

  test("rejects as its call does", () => {
    expect(readThat(errors.quota)).rejects.toBe(errors.quota);
  });
});

describe("a cloud that throttles", () => {
  test("is asked half as often, and more often again second by second", async () => {
    await call(errors.throttled, TOGETHER);
    expect(budget.health()).toMatchObject({ state: "throttled", since: clock.now() });
    expect(budget.health().message).toContain(TOGETHER);
    await clock.advance(1000);
    expect(claimAll(TOGETHER).length).toBe(11);
    await clock.advance(9000);
    expect(budget.health().state).toBe("well");
  });

  test("has ENIs made by two calls while it throttles making and attaching in one", async () => {
    await call(errors.throttled, TOGETHER);
    expect(budget.claimCreation("node-a", "waiting-pod")?.how).toBe("create");
    await clock.advance(10_000);
    expect(budget.claimCreation("node-b", "waiting-pod")?.how).toBe("create-and-attach");
  });
});

describe("a product that does not answer", () => {
  async function down(): Promise<void> {
    for (let i = 0; i < 5; i++) {
      await call(i % 2 === 0 ? errors.noAnswer : errors.internalError);
      await clock.advance(500);
    }
  }

  test("is asked by a probe alone until it answers", async () => {
    await down();
    expect(budget.health()).toMatchObject({ state: "region-down" });
    expect(budget.health().message).toContain("vpc API");
    expect(budget.claim("node-a", ASSIGN, "waiting-pod")).toBeUndefined();
    expect(budget.claim("node-b", ASSIGN, "waiting-pod")).toBeUndefined();
    expect(readThat(undefined)).rejects.toMatchObject({ class: "retry-later", code: "" });
    expect(readThat(undefined, "DescribeInstances")).resolves.toBeUndefined();
    await clock.advance(1000);
    expect(told).toEqual(["node-a"]);
    await use(budget.claim("node-a", ASSIGN, "waiting-pod"));
    expect(told).toEqual(["node-a", "node-b"]);
    expect(budget.health().state).toBe("well");
  });

  test("is not asked by permits that were reserved before", async () => {
    const permits = claimAll(ASSIGN);
    const answer = Promise.withResolvers<void>();
    const calls = permits.splice(0, 5).map((permit) => permit.use(() => answer.promise));
    budget.claim("node-a", ASSIGN, "waiting-pod");
    await clock.advance(1000);
    permits.pop()?.release();
    expect(told).toEqual(["node-a"]);
    await clock.advance(1000);
    answer.reject(errors.noAnswer);
    await Promise.allSettled(calls);
    expect(budget.claim("node-a", ASSIGN, "waiting-pod")).toBeUndefined();
    await use(permits.pop());
    await clock.advance(1000);
    expect(told).toEqual(["node-a", "node-a"]);
  });

  test("is asked by the next wish when the node with the probe does not come", async () => {
    await down();
    budget.claim("node-a", ASSIGN, "warm-up");
    budget.claim("node-b", ASSIGN, "warm-up");
    await clock.advance(3000);
    expect(told).toEqual(["node-a", "node-b"]);
  });
});

describe("a credential that is rejected", () => {
  test("is tried every ten seconds, and at once when it changes", async () => {
    await call(errors.wrongSecret);
    expect(budget.health()).toMatchObject({ state: "credential-rejected" });
    expect(budget.health().message).toContain("AuthFailure.SecretIdNotFound");
    expect(readThat(undefined, "DescribeInstances")).rejects.toMatchObject({ class: "credential", code: "" });
    expect(budget.claim("node-a", ASSIGN, "waiting-pod")).toBeUndefined();
    await clock.advance(10_000);
    expect(told).toEqual(["node-a"]);
    const probe = budget.claim("node-a", ASSIGN, "waiting-pod");
    await probe?.use(() => Promise.reject(errors.wrongSecret)).catch(() => {});
    budget.claim("node-b", ASSIGN, "waiting-pod");
    await clock.advance(5000);
    expect(told).toEqual(["node-a"]);
    budget.credentialsChanged();
    expect(told).toEqual(["node-a", "node-b"]);
    await use(budget.claim("node-b", ASSIGN, "waiting-pod"));
    expect(budget.health().state).toBe("well");
  });

  test("is told from a clock that is wrong, and from a policy that lacks an action", async () => {
    const seen: CloudHealth["state"][] = [];
    const end = budget.onHealth(({ state }) => seen.push(state));
    await call(errors.staleSignature);
    expect(budget.health().message).toContain("set the clock");
    await clock.advance(10_000);
    await call(errors.denied, ASSIGN);
    expect(budget.health().message).toContain(`vpc:${ASSIGN}`);
    await call(undefined, "DetachNetworkInterface");
    await call(undefined, ASSIGN);
    end();
    await call(errors.denied, ASSIGN);
    expect(seen).toEqual(["clock-skew", "not-authorised", "well"]);
  });
});

test("metrics() counts calls and what became of them", async () => {
  await call(undefined, ASSIGN);
  await call(errors.quota, ASSIGN);
  await call(errors.throttled, ASSIGN);
  expect(budget.metrics()[ASSIGN]).toEqual({
    calls: 3,
    throttled: 1,
    errors: { quota: 1, throttled: 1 },
    waiting: 0,
  });
});

test("stop() refuses reads that wait and grants nothing any more", async () => {
  start(1);
  const [permit] = claimAll(ASSIGN);
  const waiting = readThat(undefined);
  budget.claim("node-a", ASSIGN, "waiting-pod");
  budget.stop();
  expect(waiting).rejects.toMatchObject({ class: "retry-later" });
  permit?.release();
  expect(budget.claim("node-a", ASSIGN, "waiting-pod")).toBeUndefined();
  expect(told).toEqual([]);
});
