import { describe, expect, it } from "bun:test";
import { createManualClock } from "../../time/testing/manual-clock.ts";
import type { Pool } from "./pool.ts";
import { poolInMemory } from "./testing/pool-in-memory.ts";

function emptyOpenPool(): Pool {
  return poolInMemory({ clock: createManualClock(), coolDownMs: 1, open: true });
}

const web = {
  attachment: { containerId: "c1", ifName: "eth0", podNamespace: "default", podName: "web-0", podUid: "u1" },
  netns: "",
};

describe("Pool.close()", () => {
  it("sends callers away that wait", async () => {
    const pool = emptyOpenPool();
    const waiting = pool.allocate(web, () => new AbortController().signal);
    pool.close();
    await expect(waiting).rejects.toThrow("the agent is stopping");
    expect(pool.state.waiters).toEqual([]);
  });

  it("lets nobody wait who comes later: the end of the agent would wait for them", async () => {
    const pool = emptyOpenPool();
    pool.close();
    const late = pool.allocate(web, () => AbortSignal.timeout(1_000));
    await expect(late).rejects.toThrow("the agent is stopping");
  });
});
