import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import type { Attachment } from "./attachment.ts";
import { eniOf, isBound, isEniWanted, isWanted } from "./bound-address.ts";
import { addressesOn } from "./eni-reclaim.ts";
import type { PoolEvent } from "./pool-event.ts";
import { emptyPool, type PooledAddress, type PoolState } from "./pool-state.ts";
import { roomToGrow } from "./room.ts";
import { slotTarget } from "./slot-target.ts";
import { step } from "./step.ts";

const COOL_DOWN = 30;
const ADDRESSES = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
const CONTAINERS = ["a", "b", "c", "d", "e"];

function attachment(containerId: string): Attachment {
  return { containerId, ifName: "eth0", podNamespace: "ns", podName: containerId, podUid: "" };
}

const reclaim = fc.option(
  fc.record({
    token: fc.constantFrom("t1", "t2"),
    mode: fc.constantFrom("now" as const, "when-free" as const),
  }),
  { nil: undefined },
);
const object = fc.record({
  address: fc.constantFrom(...ADDRESSES),
  uid: fc.constantFrom("u1", "u2"),
  eniId: fc.constantFrom("eni-1", "eni-2"),
  subnetId: fc.constant("subnet-1"),
  instanceId: fc.constantFrom("ins-1", "ins-1", "ins-2"),
  reclaim,
});
const claims = fc.dictionary(
  fc.constantFrom("eni-1", "eni-2"),
  fc.record({ uid: fc.constantFrom("u1", "u2"), reclaim }),
);
const growth = fc.record({
  room: fc.nat(2),
  assigned: fc.option(fc.nat(3), { nil: undefined }),
  onDemand: fc.boolean(),
});
const names = fc.uniqueArray(fc.constantFrom(...CONTAINERS)).map((n) => new Set(n));

/** An event and the milliseconds that pass before it. */
const history = fc.array(
  fc.tuple(
    fc.integer({ min: 0, max: 20 }),
    fc.oneof(
      { weight: 4, arbitrary: object.map((o): PoolEvent => ({ type: "object-seen", object: o })) },
      fc.constantFrom(...ADDRESSES).map((address): PoolEvent => ({ type: "object-gone", address })),
      fc
        .uniqueArray(object, { selector: (o) => o.address })
        .map((objects): PoolEvent => ({ type: "objects-listed", objects })),
      fc
        .subarray(["eni-1", "eni-2"])
        .map((eniIds): PoolEvent => ({ type: "enis-ready", eniIds: new Set(eniIds) })),
      {
        weight: 6,
        arbitrary: fc.tuple(fc.nat(1000), fc.constantFrom(...CONTAINERS)).map(
          ([waiter, c]): PoolEvent => ({
            type: "allocate",
            waiter,
            attachment: attachment(c),
            netns: "",
          }),
        ),
      },
      {
        weight: 4,
        arbitrary: fc
          .constantFrom(...CONTAINERS)
          .map((c): PoolEvent => ({ type: "release", attachment: attachment(c) })),
      },
      {
        weight: 3,
        arbitrary: names.map((containerIds): PoolEvent => ({ type: "veths-read", containerIds, readAt: -1 })),
      },
      fc.nat(3).map((count): PoolEvent => ({ type: "slots-offered", count })),
      fc.nat(1000).map((waiter): PoolEvent => ({ type: "give-up", waiter })),
      claims.map((listed): PoolEvent => ({ type: "claims-listed", claims: new Map(Object.entries(listed)) })),
      { weight: 2, arbitrary: growth.map((said): PoolEvent => ({ type: "growth-known", growth: said })) },
      fc.constant<PoolEvent>({ type: "tick" }),
    ),
  ),
  { minLength: 10, maxLength: 80, size: "max" },
);

interface Moment {
  before: PoolState;
  after: PoolState;
  event: PoolEvent;
  outcome: ReturnType<typeof step>;
  time: number;
}

function* replay(events: readonly (readonly [number, PoolEvent])[]): Generator<Moment> {
  let time = 0;
  let state = emptyPool({ coolDownMs: COOL_DOWN, instanceId: "ins-1" });
  state = step(state, { type: "opened" }, { wall: 0, monotonic: 0 }).state;
  for (const [passed, raw] of events) {
    time += passed;
    const event = raw.type === "veths-read" ? { ...raw, readAt: time } : raw;
    const outcome = step(state, event, { wall: time, monotonic: time });
    yield { before: state, after: outcome.state, event, outcome, time };
    state = outcome.state;
  }
}

function holder(record: PooledAddress | undefined): string | undefined {
  return record?.holding.kind === "in-use" ? record.holding.attachment.containerId : undefined;
}

function records(state: PoolState, of: (record: PooledAddress) => boolean): PooledAddress[] {
  return [...state.addresses.values()].filter(of);
}

function isHeld({ holding }: PooledAddress): boolean {
  return holding.kind === "in-use";
}

function always(check: (moment: Moment) => void): void {
  fc.assert(
    fc.property(history, (events) => {
      for (const moment of replay(events)) check(moment);
    }),
    { numRuns: 500 },
  );
}

describe("step() for every history", () => {
  it("gives an attachment one address at most", () => {
    always(({ after }) => {
      const holders = [...after.addresses.values()].map(holder).filter((h) => h !== undefined);
      expect(new Set(holders).size).toBe(holders.length);
    });
  });

  it("takes an address from its holder only by a release of that holder", () => {
    always(({ before, after, event }) => {
      for (const [address, record] of before.addresses) {
        const held = holder(record);
        if (held === undefined || holder(after.addresses.get(address)) === held) continue;
        expect(event).toMatchObject({ type: "release", attachment: { containerId: held } });
      }
    });
  });

  it("leads a promised address back to the pool only by the end of its object", () => {
    always(({ before, after }) => {
      for (const [address, record] of before.addresses) {
        if (record.holding.kind !== "reclaimable") continue;
        const next = after.addresses.get(address);
        if (next?.object?.uid === record.object?.uid) expect(next?.holding.kind).toBe("reclaimable");
      }
    });
  });

  it("promises only what had cooled down, without a veth of its last holder", () => {
    always(({ before, outcome, time }) => {
      for (const effect of outcome.effects) {
        if (effect.type !== "promised") continue;
        const was = before.addresses.get(effect.address)?.holding;
        expect(was?.kind).not.toBe("in-use");
        if (was?.kind === "cooling-down") expect(time - was.restingSince).toBeGreaterThanOrEqual(COOL_DOWN);
      }
    });
  });

  it("hands out only addresses of this instance on an ENI that is up, never one whose veth stands", () => {
    always(({ before, after, event }) => {
      for (const [address, record] of after.addresses) {
        if (holder(record) === undefined || holder(before.addresses.get(address)) !== undefined) continue;
        expect(record.object?.instanceId).toBe("ins-1");
        expect(after.readyEnis.has(record.eniId)).toBe(true);
        const was = before.addresses.get(address)?.holding;
        if (was?.kind === "cooling-down") expect(was.vethGone || event.type === "veths-read").toBe(true);
      }
    });
  });

  it("never lets a caller wait while an address is free for it", () => {
    always(({ after }) => {
      if (after.waiters.length === 0) return;
      for (const record of after.addresses.values()) {
        if (isBound(after, record)) expect(record.holding.kind).not.toBe("free");
      }
    });
  });

  it("takes no address that an offered slot may need: only the last one may have to wait for one that can still come", () => {
    always(({ before, after, outcome }) => {
      const taken = outcome.effects
        .flatMap((e) => {
          if (e.type === "promised") return records(after, (r) => r.address === e.address);
          return e.type === "eni-promised" ? addressesOn(after, e.eniId) : [];
        })
        .some(({ address, ...now }) => {
          const was = before.addresses.get(address);
          const kept = { address, ...now, holding: was?.holding ?? now.holding };
          return isBound({ ...after, claims: before.claims }, kept);
        });
      if (!taken) return;
      const open = after.offeredSlots - records(after, isHeld).length;
      const idle = records(after, (r) => isBound(after, r) && !isHeld(r)).length;
      if (open <= idle) return;
      expect(open).toBe(1);
      expect(after.growth.room).toBeGreaterThan(0);
    });
  });

  it("lets everything go that is asked for and that nobody holds, once the slots follow", () => {
    always(({ after, time }) => {
      const offered = { type: "slots-offered", count: slotTarget(after) } as const;
      const { state } = step(after, offered, { wall: time, monotonic: time });
      const left = records(state, (r) => r.holding.kind === "free" && isWanted(r) && isBound(state, r));
      expect(left).toEqual([]);
      for (const eniId of state.claims.keys()) {
        const rested = addressesOn(state, eniId).every(
          ({ holding: { kind } }) => kind === "free" || kind === "reclaimable",
        );
        if (rested) expect(isEniWanted(state, eniId)).toBe(false);
      }
    });
  });

  it("wants a slot for each address that stays, and one more than pods hold where another address can come", () => {
    always(({ after }) => {
      const target = slotTarget(after);
      const held = records(after, isHeld).length;
      const usable = records(
        after,
        (r) => isBound(after, r) && !isWanted(r) && !isEniWanted(after, eniOf(r)),
      ).length;
      const room = roomToGrow(after);
      expect(target).toBeGreaterThanOrEqual(usable);
      if (room > 0) expect(target).toBeGreaterThan(held);
      const elsewhere = records(after, (r) => isHeld(r) && !isBound(after, r)).length;
      const bound = records(after, (r) => isBound(after, r)).length;
      expect(target).toBeLessThanOrEqual(bound + (room > 0 ? elsewhere + room : 0));
    });
  });

  it("changes nothing when the same step is taken twice", () => {
    always(({ after, event, time }) => {
      // The second call of the same caller would be another caller.
      if (event.type === "allocate") return;
      expect(step(after, event, { wall: time, monotonic: time }).state).toEqual(after);
    });
  });
});
