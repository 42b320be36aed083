import { beforeEach, describe, expect, it } from "bun:test";
import type { NetlinkMessage } from "../../netlink/message.ts";
import type { NetlinkSocket } from "../../netlink/socket.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import type { Drift } from "../drift/drift.ts";
import type { Pool } from "../pool/pool.ts";
import { poolInMemory } from "../pool/testing/pool-in-memory.ts";
import type { ObservedNetwork } from "./observed-network.ts";
import { PodKeeper } from "./pod-keeper.ts";

const NOTHING: ObservedNetwork = { links: [], routes: [], addresses: [], rules: [] };
const attachment = {
  containerId: "c-web-0",
  ifName: "eth0",
  podNamespace: "default",
  podName: "web-0",
  podUid: "",
};

let clock: ManualClock;
let pool: Pool;
let told: Drift[];
let keeper: PodKeeper;
let refuses: boolean;
let done: string[];
// Only what the keeper uses.
const socket = {
  batch(messages: readonly NetlinkMessage[]) {
    if (refuses) throw new Error("EPERM");
    done.push(...messages.map(({ act }) => act));
  },
} as unknown as NetlinkSocket;

beforeEach(async () => {
  clock = createManualClock();
  pool = poolInMemory({ clock, coolDownMs: 1e9, open: true, readyEnis: new Set(["eni-1"]) });
  const address = "10.0.16.5";
  const object = { address, uid: "u", eniId: "eni-1", subnetId: "subnet-1", instanceId: "ins-1" };
  pool.take({ type: "object-seen", object });
  await pool.allocate({ attachment, netns: "" }, () => new AbortController().signal);
  told = [];
  done = [];
  refuses = false;
  keeper = new PodKeeper({ pool, drifted: (found) => told.push(...found) });
});

function look(observed: ObservedNetwork = NOTHING): number | undefined {
  return keeper.look(observed, {
    socket,
    enis: [
      {
        eniId: "eni-1",
        mac: "",
        primaryIp: "",
        gateway: "",
        subnetId: "subnet-1",
        table: 4003,
        number: 1,
      },
    ],
    nodeAddress: "10.0.1.11",
    readAt: clock.monotonic(),
  });
}

function kinds(): string[] {
  return told.map(({ kind, outcome }) => `${kind} ${outcome}`);
}

describe("a link that has gone", () => {
  it("is not told of a pod whose release is on its way, however old the pod", async () => {
    await clock.advance(3_600_000);
    // A DEL has retired the link, and its release comes a moment later.
    look();
    expect(kinds()).toEqual([]);
    pool.release(attachment);
    look();
    expect(kinds()).toEqual([]);
  });

  it("is told once when it stays away", async () => {
    await clock.advance(3_600_000);
    for (let passed = 0; passed <= 120_000; passed += 10_000) {
      look();
      await clock.advance(10_000);
    }
    expect(kinds()).toEqual(["pod-link-lost quarantined"]);
    expect(keeper.standing()).toEqual(new Map([["pod-link-lost", 1]]));
  });
});

describe("what cannot be put right", () => {
  it("is told once as long as it lasts, and stands meanwhile", async () => {
    refuses = true;
    // A link without its route.
    const link = {
      index: 9,
      name: "eni0",
      mac: "02:00:00:00:00:01",
      group: 4003,
      alias: "c-web-0",
      mtu: 1500,
      flags: 0,
      up: true,
      lowerUp: true,
      kind: "veth",
      master: undefined,
      peerIndex: undefined,
      peerNetnsId: undefined,
      rpFilter: 1,
      forwarding: 1,
    };
    const standing: number[] = [];
    for (let looks = 0; looks < 6; looks++) {
      const again = look({ ...NOTHING, links: [link] });
      if (looks > 0) standing.push(keeper.standing().get("pod-route") ?? 0);
      await clock.advance(again ?? 10_000);
    }
    expect(kinds()).toEqual(["pod-route failed"]);
    expect(standing).toEqual([1, 1, 1, 1, 1]);
  });
});
