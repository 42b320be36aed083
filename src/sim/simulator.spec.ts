import { beforeEach, describe, expect, it } from "bun:test";
import { RecordingFabric } from "./recording-fabric.ts";
import { type Clock, Simulator } from "./simulator.ts";
import { createAndAttachNetworkInterface } from "./vpc/create-and-attach-network-interface.ts";
import { removeInstance } from "./vpc/remove-instance.ts";
import { eniOf, eniWish, ids, smallCloud } from "./vpc/small-cloud.ts";
import { unassignPrivateAddresses } from "./vpc/unassign-private-addresses.ts";

/** A clock that stands still until it is moved. */
class ManualClock implements Clock {
  time = 0;
  wake: { at: number; callback: () => void } | undefined;

  now(): number {
    return this.time;
  }

  wakeAt(at: number, callback: () => void): () => void {
    this.wake = { at, callback };
    return () => {
      this.wake = undefined;
    };
  }

  /** Lets time pass to when somebody wants to be woken. */
  pass(): void {
    const { wake } = this;
    if (wake === undefined) throw new Error("nobody waits for anything");
    this.time = wake.at;
    this.wake = undefined;
    wake.callback();
  }
}

let clock: ManualClock;
let fabric: RecordingFabric;
let warnings: string[];
let simulator: Simulator;

beforeEach(() => {
  clock = new ManualClock();
  fabric = new RecordingFabric();
  warnings = [];
  const log = { debug() {}, info() {}, warn: (_: object, message: string) => warnings.push(message) };
  simulator = new Simulator(smallCloud(), { fabric, clock, log });
});

/** Runs nothing: when it is answered, everything before it has been. */
const settled = () => simulator.run((state) => ({ state, answer: null, effects: [] }));

function createAndAttach(requestId: string) {
  return simulator.run((state, now) =>
    createAndAttachNetworkInterface(
      state,
      { ...eniWish({ secondaryCount: 1 }), instanceId: ids.a },
      { now, requestId },
    ),
  );
}

describe("Simulator", () => {
  it("wakes for each completion and lets the network follow it", async () => {
    const { eniId } = await createAndAttach("task-1");
    await settled();
    expect(clock.wake?.at).toBe(100);
    clock.pass();
    await settled();
    expect(eniOf(simulator.state, eniId).state).toBe("ATTACHING");
    clock.pass();
    await settled();
    expect(eniOf(simulator.state, eniId).state).toBe("AVAILABLE");
    expect(fabric.acts).toEqual([`plug ${eniId}`, `assign ${eniId} 10.0.16.2 10.0.16.3`]);
    expect(clock.wake).toBeUndefined();
  });

  it("does what fell due before it runs an act, however late", async () => {
    const { eniId } = await createAndAttach("task-1");
    clock.time = 10_000;
    await simulator.run((state, now) =>
      unassignPrivateAddresses(state, { eniId, addresses: ["10.0.16.3"] }, { now, requestId: "task-2" }),
    );
    expect(fabric.acts.at(-1)).toBe(`unassign ${eniId} 10.0.16.3`);
  });

  it("shows a state only when the network is as it says", async () => {
    const { eniId } = await createAndAttach("task-1");
    clock.time = 10_000;
    let seen: string | undefined;
    fabric.assign = async () => {
      seen = eniOf(simulator.state, eniId).state;
    };
    await settled();
    expect(seen).not.toBe("AVAILABLE");
    expect(eniOf(simulator.state, eniId).state).toBe("AVAILABLE");
  });

  it("changes nothing for an act that is refused, and runs the next", async () => {
    const before = simulator.state;
    await expect(
      simulator.run((state, now) => removeInstance(state, "ins-00000000", { now })),
    ).rejects.toThrow("ins-00000000");
    expect(simulator.state).toBe(before);
    expect((await createAndAttach("task-1")).state).toBe("PENDING");
  });

  it("goes on, and says so, where the network cannot follow", async () => {
    fabric.failing = "plug";
    const { eniId } = await createAndAttach("task-1");
    clock.time = 10_000;
    await settled();
    expect(eniOf(simulator.state, eniId).state).toBe("AVAILABLE");
    expect(warnings).toEqual(["The network could not follow the cloud"]);
  });

  it("undoes an act that is worth nothing without the network", async () => {
    fabric.failing = "assign";
    const before = simulator.state;
    const [eniId] = before.enis.keys();
    const undone = simulator.runOrUndo((state) => ({
      state: { ...state, dice: 99 },
      answer: null,
      effects: [
        { kind: "plug", eniId: eniId ?? "", instanceId: ids.a, mac: "", netns: "" },
        { kind: "assign", eniId: eniId ?? "", addresses: ["10.0.1.10"] },
      ],
    }));
    await expect(undone).rejects.toThrow("cannot assign");
    expect(simulator.state).toBe(before);
    expect(fabric.acts).toEqual([`plug ${eniId}`, `unplug ${eniId}`]);
  });

  it("knows how everything was, so long as history is kept", async () => {
    simulator.keepHistory(1000);
    const { eniId } = await createAndAttach("task-1");
    clock.time = 10_000;
    await settled();
    const then = (time: number) => simulator.stateAt(time).enis.get(eniId)?.state;
    expect([then(0), then(99), then(100), then(299), then(300)]).toEqual([
      "PENDING",
      "PENDING",
      "ATTACHING",
      "ATTACHING",
      "AVAILABLE",
    ]);
    simulator.keepHistory(0);
    expect(then(0)).toBe("AVAILABLE");
  });

  it("wakes no more once it is closed", async () => {
    await createAndAttach("task-1");
    await simulator.close();
    expect(clock.wake).toBeUndefined();
  });
});
