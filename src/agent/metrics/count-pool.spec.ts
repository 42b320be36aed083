import { expect, it } from "bun:test";
import { createManualClock } from "../../time/testing/manual-clock.ts";
import { poolInMemory } from "../pool/testing/pool-in-memory.ts";
import { countPool } from "./count-pool.ts";

const attachment = (containerId: string) => {
  return { containerId, ifName: "eth0", podNamespace: "", podName: "", podUid: "" };
};

it("counts what is given with the wait before it, what comes back, and who went away with nothing", async () => {
  const clock = createManualClock();
  const pool = poolInMemory({ clock, coolDownMs: 1, open: true, readyEnis: new Set(["eni-1"]) });
  const counted: string[] = [];
  const end = countPool(pool, {
    clock,
    whyNot: () => "SUBNET_FULL",
    metrics: {
      allocated: (addresses, ms) => counted.push(`${addresses} given after ${ms}`),
      released: () => counted.push("released"),
      allocationFailed: (reason) => counted.push(reason),
    },
  });
  const never = new AbortController().signal;
  const first = pool.allocate({ attachment: attachment("c1"), netns: "" }, () => never);
  await clock.advance(40);
  const object = { uid: "u", eniId: "eni-1", subnetId: "subnet-1", instanceId: "ins-1" };
  pool.take({ type: "object-seen", object: { address: "10.0.16.5", ...object } });
  await first;
  await pool.allocate({ attachment: attachment("c1"), netns: "" }, () => never);

  const patience = new AbortController();
  const second = pool.allocate({ attachment: attachment("c2"), netns: "" }, () => patience.signal);
  patience.abort();
  await expect(second).rejects.toThrow("no address became free");
  const third = pool.allocate({ attachment: attachment("c3"), netns: "" }, () => never);
  pool.release(attachment("c3"));
  await expect(third).rejects.toThrow("was released while it waited");
  pool.release(attachment("c1"));
  expect(counted).toEqual(["1 given after 40", "1 given after 0", "SUBNET_FULL", "RELEASED", "released"]);
  end();
});
