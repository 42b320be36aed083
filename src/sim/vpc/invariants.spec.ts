import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { advance } from "./advance.ts";
import { assignPrivateAddresses } from "./assign-private-addresses.ts";
import { attachNetworkInterface } from "./attach-network-interface.ts";
import { CloudError } from "./cloud-error.ts";
import { createAndAttachNetworkInterface } from "./create-and-attach-network-interface.ts";
import { createNetworkInterface } from "./create-network-interface.ts";
import { deleteNetworkInterface } from "./delete-network-interface.ts";
import { detachNetworkInterface } from "./detach-network-interface.ts";
import { enisOf } from "./find.ts";
import { parseIpv4 } from "./ipv4.ts";
import { isPlugged } from "./plug.ts";
import { startInstance, stopInstance } from "./power-instance.ts";
import { removeInstance } from "./remove-instance.ts";
import { eniWish, ids, smallCloud } from "./small-cloud.ts";
import type { CloudState, Effect, Occasion, Step } from "./state.ts";
import { unassignPrivateAddresses } from "./unassign-private-addresses.ts";

/** What somebody does next. Numbers choose among what exists, so that most acts are about something. */
interface Move {
  readonly act: (typeof acts)[number];
  readonly which: number;
  readonly count: number;
  readonly machine: string;
  readonly wait: number;
}

const acts = [
  "create",
  "createAndAttach",
  "attach",
  "detach",
  "delete",
  "assign",
  "unassign",
  "stop",
  "start",
  "remove",
  "wait",
] as const;

const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.record({
    act: fc.constantFrom(...acts),
    which: fc.nat({ max: 20 }),
    count: fc.nat({ max: 3 }),
    machine: fc.constantFrom(ids.a, ids.b),
    wait: fc.constantFrom(0, 10, 100, 250),
  }),
  { maxLength: 60 },
);

function make(state: CloudState, move: Move, occasion: Occasion): Step<unknown> {
  const enis = [...state.enis.values()];
  const eni = enis[move.which % enis.length];
  const eniId = eni?.eniId ?? "";
  const request = { eniId, instanceId: move.machine };
  switch (move.act) {
    case "create":
      return createNetworkInterface(state, eniWish({ secondaryCount: move.count }), occasion);
    case "createAndAttach":
      return createAndAttachNetworkInterface(
        state,
        { ...eniWish({ secondaryCount: move.count }), instanceId: move.machine },
        occasion,
      );
    case "attach":
      return attachNetworkInterface(state, request, occasion);
    case "detach":
      return detachNetworkInterface(state, request, occasion);
    case "delete":
      return deleteNetworkInterface(state, { eniId }, occasion);
    case "assign":
      return assignPrivateAddresses(state, { eniId, addresses: [], count: move.count }, occasion);
    case "unassign": {
      const addresses = eni?.addresses.slice(1, 1 + move.count).map((it) => it.address) ?? [];
      return unassignPrivateAddresses(state, { eniId, addresses }, occasion);
    }
    case "stop":
      return stopInstance(state, move.machine);
    case "start":
      return startInstance(state, move.machine);
    case "remove":
      return removeInstance(state, move.machine, occasion);
    case "wait":
      return { state, answer: null, effects: [] };
  }
}

/** What the network would look like after the effects: addresses by link. An effect that cannot be is an error. */
function follow(links: Map<string, Set<string>>, effects: readonly Effect[]): void {
  for (const effect of effects) {
    const addresses = links.get(effect.eniId);
    if (effect.kind === "plug") {
      expect(addresses).toBeUndefined();
      links.set(effect.eniId, new Set());
    } else if (addresses === undefined) {
      throw new Error(`${effect.kind} of ${effect.eniId}, which is not plugged in`);
    } else if (effect.kind === "unplug") {
      links.delete(effect.eniId);
    } else {
      for (const address of effect.addresses) {
        if (effect.kind === "assign") addresses.add(address);
        else expect(addresses.delete(address)).toBe(true);
      }
    }
  }
}

function check(state: CloudState, links: Map<string, Set<string>>): void {
  const enis = [...state.enis.values()];
  for (const subnet of state.subnets.values()) {
    const inUse = enis.filter((eni) => eni.subnetId === subnet.subnetId).flatMap((eni) => eni.addresses);
    const values = inUse.map((it) => parseIpv4(it.address) ?? -1);
    // No address is on two network interfaces, and what the subnet counts is what they have.
    expect(new Set(values).size).toBe(values.length);
    expect(new Set(values)).toEqual(new Set(subnet.taken));
  }
  for (const instance of state.instances.values()) {
    const attached = enisOf(state, instance.instanceId);
    expect(attached.length).toBeLessThanOrEqual(instance.type.eniQuota);
    const devices = attached.flatMap((eni) => eni.attachment?.deviceIndex ?? []);
    expect(new Set(devices).size).toBe(devices.length);
    for (const eni of attached)
      expect(eni.addresses.length).toBeLessThanOrEqual(instance.type.addressesPerEni);
  }
  for (const job of state.jobs.values()) {
    expect(state.enis.has(job.eniId)).toBe(true);
    expect(state.tasks.get(job.taskId)?.status).toBe("RUNNING");
  }
  const running = [...state.tasks.values()].filter((task) => task.status === "RUNNING");
  expect(running.length).toBe(state.jobs.size);
  // The network is as the cloud says.
  const plugged = enis.filter((eni) => isPlugged(state, eni));
  expect(new Set(links.keys())).toEqual(new Set(plugged.map((eni) => eni.eniId)));
  for (const eni of plugged) {
    const live = eni.addresses.filter((it) => it.state === "AVAILABLE").map((it) => it.address);
    expect(links.get(eni.eniId)).toEqual(new Set(live));
  }
}

describe("the cloud", () => {
  it("keeps its promises whatever is asked of it in whatever order", () => {
    fc.assert(
      fc.property(moves, (sequence) => {
        let state = smallCloud();
        let now = 0;
        const links = new Map<string, Set<string>>();
        for (const instance of state.instances.values()) {
          links.set(instance.primaryEniId, new Set([instance.privateAddress]));
        }
        for (const [number, move] of sequence.entries()) {
          now += move.wait;
          const advanced = advance(state, now);
          state = advanced.state;
          follow(links, advanced.effects);
          try {
            const step = make(state, move, { now, requestId: `task-${number}` });
            state = step.state;
            follow(links, step.effects);
          } catch (error) {
            if (!(error instanceof CloudError)) throw error;
          }
          check(state, links);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("does the same again from the same seed", () => {
    const play = () => {
      const { state } = createNetworkInterface(smallCloud(), eniWish(), { now: 0, requestId: "task-1" });
      return [...state.enis.values()];
    };
    expect(play()).toEqual(play());
  });
});
