import { expect, it } from "bun:test";
import type { Instant } from "./instant.ts";
import type { PoolEvent } from "./pool-event.ts";
import { emptyPool, FOUND_BY_VETH, type Holding, type PoolState } from "./pool-state.ts";
import { step } from "./step.ts";
import type { Stranger } from "./strangers.ts";

const at = (ms: number): Instant => ({ wall: ms, monotonic: ms });
const stranger: Stranger = {
  address: "10.0.16.5",
  containerId: "c-stranger",
  linkName: "eni0123456789a",
  eniId: "eni-1",
};

function pool(holding?: Holding): PoolState {
  const address = "10.0.16.5";
  const object = { uid: "u", eniId: "eni-1", subnetId: "subnet-1", instanceId: "ins-1" };
  const record = holding && { address, eniId: "eni-1", subnetId: "subnet-1", object, holding };
  return {
    ...emptyPool({ coolDownMs: 10, instanceId: "ins-1" }),
    readyEnis: new Set(["eni-1"]),
    addresses: new Map(record && [[address, record]]),
  };
}

function run(state: PoolState, ...events: PoolEvent[]) {
  const effects: string[] = [];
  const changes: string[] = [];
  let now = 100;
  for (const event of events) {
    const outcome = step(state, event, at(now++));
    state = outcome.state;
    effects.push(...outcome.effects.map(({ type }) => type));
    changes.push(...outcome.changes.map(({ type }) => type));
  }
  return { state, effects, changes, held: state.addresses.get("10.0.16.5")?.holding };
}

const seen: PoolEvent = { type: "strangers-seen", strangers: [stranger] };
const opened: PoolEvent = { type: "opened" };
const asked: PoolEvent = {
  type: "allocate",
  waiter: 1,
  attachment: { containerId: "c-new", ifName: "eth0", podNamespace: "", podName: "", podUid: "" },
  netns: "",
};
const theirs = { kind: "in-use", netns: FOUND_BY_VETH, attachment: { containerId: "c-stranger" } };

it("an address that is free in an old memory becomes its holder's before it is given to another", () => {
  const { held, effects, changes } = run(
    pool({ kind: "free", since: 0, restingSince: 0 }),
    seen,
    opened,
    asked,
  );
  expect(held).toMatchObject(theirs);
  expect(effects).toEqual(["adopted"]);
  expect(changes).toEqual(["holding"]);
});

it("so does one that rests after another, and one that nothing is known of", () => {
  const resting: Holding = {
    kind: "cooling-down",
    containerId: "c-old",
    ifName: "eth0",
    since: 0,
    restingSince: 0,
    vethGone: true,
  };
  expect(run(pool(resting), seen).held).toMatchObject(theirs);
  expect(run(pool(), seen)).toMatchObject({ held: theirs, changes: ["object", "holding"] });
});

it("one that the stranger itself has given back goes on resting, whatever an older read showed", () => {
  const key = { containerId: "c-stranger", ifName: "eth0" };
  const { held, state } = run(
    pool({ kind: "free", since: 0, restingSince: 0 }),
    seen,
    { type: "release", attachment: key },
    { type: "tick" },
  );
  expect(held?.kind).toBe("cooling-down");
  expect(state.strangers).toEqual([]);
});

it("one that is promised or held stays so, and becomes the stranger's when that ends", () => {
  const promised = run(pool({ kind: "reclaimable", token: "t", since: 0 }), opened, seen);
  expect(promised.held?.kind).toBe("reclaimable");
  const object = {
    address: "10.0.16.5",
    uid: "another life",
    eniId: "eni-1",
    subnetId: "subnet-1",
    instanceId: "ins-1",
  };
  expect(run(promised.state, asked, { type: "object-seen", object }).held).toMatchObject(theirs);

  const attachment = { containerId: "c-1", ifName: "eth0", podNamespace: "", podName: "", podUid: "" };
  const held = run(pool({ kind: "in-use", attachment, netns: "", since: 0 }), opened, seen);
  expect(held.held).toMatchObject({ attachment });
  expect(run(held.state, asked, { type: "release", attachment }).held).toMatchObject(theirs);
});

it("a container that holds one address already gets the second under its link's name", () => {
  const { held, state } = run(
    pool({ kind: "free", since: 0, restingSince: 0 }),
    { type: "strangers-seen", strangers: [stranger, { ...stranger, address: "10.0.16.6" }] },
    { type: "strangers-seen", strangers: [] },
  );
  expect(held).toMatchObject({ attachment: { ifName: "eth0" } });
  expect(state.addresses.get("10.0.16.6")?.holding).toMatchObject({
    attachment: { containerId: "c-stranger", ifName: "eni0123456789a" },
  });
});

it("no two are of one attachment, which the store could not take, even where one link has the routes of many", () => {
  const addresses = [5, 6, 7, 8].map((n) => `10.0.16.${n}`);
  const strangers = addresses.map((address) => ({ ...stranger, address }));
  const { state } = run(pool(), { type: "strangers-seen", strangers });
  const names = addresses.map((address) => {
    const holding = state.addresses.get(address)?.holding;
    return holding?.kind === "in-use" ? holding.attachment.ifName : undefined;
  });
  expect(names).not.toContain(undefined);
  expect(new Set(names).size).toBe(addresses.length);
});
