import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { advance } from "./advance.ts";
import { assignPrivateAddresses } from "./assign-private-addresses.ts";
import { attachNetworkInterface } from "./attach-network-interface.ts";
import { changeQuota } from "./change-quota.ts";
import { checkInvariants, follow, type Links, linksOf } from "./check-invariants.ts";
import { CloudError } from "./cloud-error.ts";
import { createAndAttachNetworkInterface } from "./create-and-attach-network-interface.ts";
import { createNetworkInterface } from "./create-network-interface.ts";
import { deleteNetworkInterface } from "./delete-network-interface.ts";
import { detachNetworkInterface } from "./detach-network-interface.ts";
import { type MigrateRequest, migratePrivateAddress } from "./migrate-private-address.ts";
import { giveBackFromOutsider, takeForOutsider } from "./outsider.ts";
import { startInstance, stopInstance } from "./power-instance.ts";
import { releaseTask } from "./release-task.ts";
import { removeInstance } from "./remove-instance.ts";
import { eniWish, ids, settle, smallCloud, withEni } from "./small-cloud.ts";
import type { CloudState, Eni, Fate, Occasion, Step } from "./state.ts";
import { unassignPrivateAddresses } from "./unassign-private-addresses.ts";

/** What somebody does next. Numbers choose among what exists, so that most acts are about something. */
interface Move {
  readonly act: (typeof acts)[number];
  readonly which: number;
  readonly count: number;
  readonly machine: string;
  readonly wait: number;
  readonly fate: Fate | undefined;
}

const acts = [
  "create",
  "createAndAttach",
  "attach",
  "detach",
  "delete",
  "assign",
  "unassign",
  "migrate",
  "stop",
  "start",
  "remove",
  "raiseQuota",
  "take",
  "giveBack",
  "release",
  "wait",
] as const;

const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.record({
    act: fc.constantFrom(...acts),
    which: fc.nat({ max: 20 }),
    count: fc.nat({ max: 3 }),
    machine: fc.constantFrom(ids.a, ids.b),
    wait: fc.constantFrom(0, 10, 100, 250),
    fate: fc.oneof(
      { weight: 3, arbitrary: fc.constant(undefined) },
      {
        weight: 1,
        arbitrary: fc.record({
          stallMs: fc.constantFrom(0, 150, Number.POSITIVE_INFINITY),
          failure: fc.constantFrom({ output: "x" }, { output: "x", at: "create" as const }),
        }),
      },
    ),
  }),
  { minLength: 20, maxLength: 60 },
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
    case "migrate":
      return migratePrivateAddress(state, moveOf(enis, move), occasion);
    case "stop":
      return stopInstance(state, move.machine);
    case "start":
      return startInstance(state, move.machine);
    case "remove":
      return removeInstance(state, move.machine, occasion);
    case "raiseQuota": {
      const quota = state.instances.get(move.machine)?.type;
      return changeQuota(state, {
        instanceId: move.machine,
        eniQuota: (quota?.eniQuota ?? 0) + 1,
        addressesPerEni: (quota?.addressesPerEni ?? 0) + move.count,
      });
    }
    case "take":
      return takeForOutsider(state, { subnetId: ids.pods, addresses: [], count: move.count });
    case "giveBack":
      return giveBackFromOutsider(state, { subnetId: ids.pods, addresses: [], count: move.count });
    case "release": {
      const [taskId = ""] = [...state.jobs.values()].map((job) => job.taskId);
      return releaseTask(state, taskId, occasion);
    }
    case "wait":
      return { state, answer: null, effects: [] };
  }
}

/** The small cloud with interfaces of which addresses can move: one on each machine, and one on none. */
function furnishedCloud(): CloudState {
  const placed = [ids.a, ids.b].reduce((state, instanceId) => {
    const made = withEni(state, { secondaryCount: 1 });
    const occasion = { now: 0, requestId: `attached-${instanceId}` };
    return settle(attachNetworkInterface(made.state, { eniId: made.eniId, instanceId }, occasion).state)
      .state;
  }, smallCloud());
  return withEni(placed, { secondaryCount: 2 }).state;
}

/** An address that is to move, mostly one that can. */
function moveOf(enis: readonly Eni[], { which, count }: Move): MigrateRequest {
  const full = enis.filter((it) => it.addresses.length > 1);
  const from = full[which % full.length];
  const others = enis.filter((it) => it !== from && it.subnetId === from?.subnetId);
  const to = others[count % others.length] ?? enis[which % enis.length];
  return {
    address: from?.addresses.at(which > 15 ? 0 : -1)?.address ?? "",
    from: from?.eniId ?? "",
    to: to?.eniId ?? "",
  };
}

describe("the cloud", () => {
  it("keeps its promises whatever is asked of it in whatever order", () => {
    fc.assert(
      fc.property(moves, fc.boolean(), (sequence, furnished) => {
        let state = furnished ? furnishedCloud() : smallCloud();
        let now = 0;
        const links: Links = linksOf(state);
        for (const [number, move] of sequence.entries()) {
          now += move.wait;
          const advanced = advance(state, now);
          state = advanced.state;
          follow(links, advanced.effects);
          try {
            const { fate } = move;
            const occasion = { now, requestId: `task-${number}`, ...(fate === undefined ? {} : { fate }) };
            const step = make(state, move, occasion);
            state = step.state;
            follow(links, step.effects);
          } catch (error) {
            if (!(error instanceof CloudError)) throw error;
          }
          checkInvariants(state, links);
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
