import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../kube/testing/eventually.ts";
import { createRecordingLogger } from "../../kube/testing/recording-logger.ts";
import { systemWaitingClock } from "../../time/waiting-clock.ts";
import type { RunningServer } from "../server/serve-connect.ts";
import { serveGrpc } from "../server/serve-grpc.ts";
import type { BoundPod } from "./bound-pods.ts";
import { DevicePlugin, type DevicePluginTiming } from "./device-plugin.ts";
import { FakeKubelet } from "./testing/fake-kubelet.ts";

/** Everything as it is, only sooner. */
const QUICK: DevicePluginTiming = {
  bindingMs: 20,
  allocationMs: 10_000,
  intakeMs: 300,
  retryMs: 30,
  pollMs: 1_000,
  lookMs: 100,
  settleMs: 0,
  renewalMs: 100,
};

describe("DevicePlugin", () => {
  let folder: string;
  let kubelet: FakeKubelet;
  let plugins: DevicePlugin[];
  /** What the API server has bound to the node. */
  let bound: BoundPod[];
  /** Counts that the Node object was made to show. */
  let shown: number[];
  let reported: number[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "tke-kubelet-"));
    kubelet = new FakeKubelet(folder);
    await kubelet.start();
    plugins = [];
    bound = [];
    shown = [];
    reported = [];
  });

  afterEach(async () => {
    bound = [];
    await Promise.all(plugins.map((plugin) => plugin.stop()));
    await kubelet.stop();
    rmSync(folder, { recursive: true });
  });

  async function startPlugin(
    options: {
      instance?: string;
      announced?: number | (() => number);
      timing?: Partial<DevicePluginTiming>;
      /** Another instance runs that has not ended. */
      beside?: boolean;
    } = {},
  ): Promise<DevicePlugin> {
    const { announced = 0 } = options;
    const plugin = new DevicePlugin({
      kubeletFolder: folder,
      instance: options.instance ?? "one",
      announced: () => (typeof announced === "number" ? announced : announced()),
      nodeStatus: {
        async show(count) {
          if (shown.at(-1) !== count) shown.push(count);
        },
        shows: async (count) => shown.at(-1) === count,
      },
      boundPods: { list: async () => bound },
      clock: systemWaitingClock,
      random: () => 0.5,
      logger: createRecordingLogger(),
      timing: { ...QUICK, ...options.timing },
    });
    plugin.onOffered((count) => reported.push(count));
    plugins.push(plugin);
    await plugin.start();
    if (options.beside !== true) plugin.takeOver();
    return plugin;
  }

  const kubeletHas = (count: number) =>
    eventually(`the kubelet has ${count} slots`, () => kubelet.slots.size === count);
  const isReported = (count: number) => eventually(`${count} is reported`, () => reported.at(-1) === count);
  const isShown = (count: number) => eventually(`the node shows ${count}`, () => shown.at(-1) === count);

  const onTheWay = (key: string): BoundPod => ({ key: `default/${key}`, slots: 1, acknowledged: false });

  /** Whoever wants to withdraw a slot has looked so many times by then. */
  function kubeletIsAsked(times: number): Promise<void> {
    const before = kubelet.lists;
    return eventually(`the kubelet is asked ${times} times`, () => kubelet.lists >= before + times);
  }

  it("registers with what was announced last, on a socket for root alone", async () => {
    await startPlugin({ announced: 3 });
    expect(reported).toEqual([3]);
    await kubeletHas(3);
    expect([...kubelet.slots]).toEqual(["eni-ip-000", "eni-ip-001", "eni-ip-002"]);
    expect(kubelet.registrations).toEqual(["tke-eni-ip-one.sock"]);
    expect(statSync(join(folder, "device-plugins", "tke-eni-ip-one.sock")).mode & 0o777).toBe(0o600);
    await isShown(3);
  });

  it("tells which pods hold slots, and nothing while the kubelet does not tell", async () => {
    const plugin = await startPlugin({ announced: 3 });
    const told: ReadonlyMap<string, number>[] = [];
    plugin.onHeld((byPod) => told.push(byPod));
    await kubeletHas(3);
    await kubelet.admit("a");
    await eventually("it is told", () => told.at(-1)?.get("default/a") === 1);
    kubelet.tellsPods = false;
    await kubeletIsAsked(1);
    const before = told.length;
    await kubeletIsAsked(3);
    expect(told.length).toBe(before);
  });

  it("takes its socket away when it stops, after the node has shown no address", async () => {
    const plugin = await startPlugin({ announced: 4 });
    await isShown(4);
    await kubelet.admit("a");
    const stopped = plugin.stop();
    await isShown(0);
    await kubelet.admit("bound before");
    await stopped;
    expect(readdirSync(join(folder, "device-plugins"))).toEqual(["kubelet.sock"]);
    await eventually("the kubelet knows no slots", () => kubelet.slots.size === 0);
  });

  it("does not end before the pods that are bound to the node have their slots", async () => {
    const plugin = await startPlugin({ announced: 4 });
    await isShown(4);
    bound = [onTheWay("late")];
    let stopped = false;
    const stopping = plugin.stop().then(() => {
      stopped = true;
    });
    await isShown(0);
    await kubeletIsAsked(5);
    expect(stopped).toBe(false);
    await kubelet.admit("late");
    bound = [{ ...onTheWay("late"), acknowledged: true }];
    await stopping;
    expect(kubelet.slots.size).toBe(0);
  });

  it("lowers the node again that the kubelet has raised before the end, and after it", async () => {
    const plugin = await startPlugin({ announced: 4 });
    await isShown(4);
    const stopped = plugin.stop();
    await isShown(0);
    shown.push(4);
    await isShown(0);
    await eventually("the end", () => kubelet.slots.size === 0);
    shown.push(4);
    await stopped;
    expect(shown).toEqual([4, 0, 4, 0, 4, 0]);
  });

  it("starts without a kubelet, and registers when it comes", async () => {
    await kubelet.stop();
    await startPlugin({ announced: 2 });
    expect(kubelet.registrations).toEqual([]);
    await kubelet.start();
    await kubeletHas(2);
  });

  it("grows at once: the listener first, then the kubelet, then the node", async () => {
    const plugin = await startPlugin({ announced: 1 });
    await isShown(1);
    const slotsWhenTold: number[] = [];
    plugin.onOffered(() => slotsWhenTold.push(kubelet.slots.size));
    plugin.setTarget(4);
    expect(slotsWhenTold).toEqual([]);
    await isShown(4);
    expect(kubelet.slots.size).toBe(4);
    expect(slotsWhenTold).toEqual([1]);
    expect(reported).toEqual([1, 4]);
  });

  it("does not offer what a listener could not store", async () => {
    const plugin = await startPlugin({ announced: 1 });
    await isShown(1);
    let diskIsFull = true;
    let tries = 0;
    plugin.onOffered(() => {
      tries++;
      if (diskIsFull) throw new Error("disk full");
    });
    plugin.setTarget(2);
    await eventually("two tries", () => tries > 1);
    expect(kubelet.slots.size).toBe(1);
    diskIsFull = false;
    await kubeletHas(2);
  });

  it("shrinks by slots that nobody holds, and tells of it when the node shows it", async () => {
    const plugin = await startPlugin({ announced: 4 });
    await isShown(4);
    await kubelet.admit("a");
    await kubelet.admit("b");
    plugin.setTarget(3);
    await isReported(3);
    expect([...kubelet.slots]).toEqual(["eni-ip-000", "eni-ip-001", "eni-ip-002"]);
    expect(shown).toEqual([4, 3]);
    plugin.setTarget(0);
    await isReported(2);
    expect([...kubelet.slots]).toEqual(["eni-ip-000", "eni-ip-001"]);
  });

  it("shrinks although the target never rests", async () => {
    const plugin = await startPlugin({ announced: 4, timing: { bindingMs: 100 } });
    await isShown(4);
    let target = 0;
    const churn = setInterval(() => plugin.setTarget(1 + (target++ % 2)), 10);
    await eventually("fewer slots are reported", () => (reported.at(-1) ?? 4) <= 2);
    clearInterval(churn);
  });

  it("keeps slots for pods that are bound to the node and are not there yet", async () => {
    const plugin = await startPlugin({ announced: 6, timing: { allocationMs: 0 } });
    await isShown(6);
    await kubelet.admit("here");
    bound = [{ ...onTheWay("here"), acknowledged: true }, onTheWay("b"), { ...onTheWay("c"), slots: 2 }];
    plugin.setTarget(2);
    await isReported(4);
    bound = bound.slice(0, 2);
    await isReported(2);
    for (const pod of bound.slice(1)) await kubelet.admit(pod.key);
  });

  it("withdraws nothing that the kubelet has offered the scheduler meanwhile", async () => {
    const plugin = await startPlugin({ announced: 4, timing: { bindingMs: 100 } });
    await isShown(4);
    plugin.setTarget(2);
    for (let times = 0; times < 3; times++) {
      await isShown(2);
      shown.push(4);
    }
    expect(kubelet.slots.size).toBe(4);
    await isReported(2);
  });

  it("withdraws no more than the node was seen without", async () => {
    const plugin = await startPlugin({ announced: 4, timing: { bindingMs: 100 } });
    await isShown(4);
    plugin.setTarget(3);
    await isShown(3);
    plugin.setTarget(1);
    await isReported(3);
    expect(kubelet.slots.size).toBe(3);
    await isReported(1);
    expect(shown).toEqual([4, 3, 1]);
  });

  it("shows the old count again when it is wanted again before the withdrawal", async () => {
    const plugin = await startPlugin({ announced: 4, timing: { bindingMs: 100 } });
    await isShown(4);
    plugin.setTarget(2);
    await isShown(2);
    plugin.setTarget(4);
    await isShown(4);
    expect(kubelet.slots.size).toBe(4);
    expect(reported).toEqual([4]);
  });

  it("withdraws a slot once its pod has gone, whatever its number", async () => {
    const plugin = await startPlugin({ announced: 3, timing: { allocationMs: 0 } });
    await isShown(3);
    for (const pod of ["a", "b", "c"]) await kubelet.admit(pod);
    plugin.setTarget(2);
    await kubeletIsAsked(3);
    expect(kubelet.slots.size).toBe(3);
    kubelet.pods.delete("a");
    await isReported(2);
    expect([...kubelet.slots]).toEqual(["eni-ip-001", "eni-ip-002"]);
    plugin.setTarget(3);
    await kubeletHas(3);
    expect(kubelet.slots).toContain("eni-ip-000");
  });

  it("withdraws nothing while the kubelet does not tell who holds what", async () => {
    const plugin = await startPlugin({ announced: 2 });
    await isShown(2);
    kubelet.tellsPods = false;
    plugin.setTarget(1);
    await kubeletIsAsked(2);
    expect(kubelet.slots.size).toBe(2);
    expect(reported).toEqual([2]);
    kubelet.tellsPods = true;
    await isReported(1);
  });

  it("withdraws nothing while the kubelet may not know its pods yet", async () => {
    const plugin = await startPlugin({ announced: 2, timing: { settleMs: 500 } });
    plugin.setTarget(1);
    await isShown(2);
    expect(kubelet.slots.size).toBe(2);
    await isReported(1);
  });

  it("keeps slots of pods that an earlier life admitted, beyond the count it stored", async () => {
    kubelet.pods.set("old", "eni-ip-007");
    await startPlugin({ announced: 2 });
    await kubeletHas(2);
    expect([...kubelet.slots]).toEqual(["eni-ip-000", "eni-ip-007"]);
  });

  it("counts a slot as held while its pod is being admitted", async () => {
    const plugin = await startPlugin({ announced: 1 });
    await isShown(1);
    await kubelet.admit("a");
    kubelet.pods.clear();
    plugin.setTarget(0);
    await kubeletIsAsked(3);
    expect(kubelet.slots.size).toBe(1);
    expect(reported).toEqual([1]);
  });

  it("registers again when the kubelet is restarted", async () => {
    await startPlugin({ announced: 2 });
    await kubeletHas(2);
    for (const times of [2, 3]) {
      await kubelet.stop();
      await kubelet.start();
      await eventually("a new registration", () => kubelet.registrations.length >= times);
      await kubeletHas(2);
    }
    expect(existsSync(join(folder, "device-plugins", "tke-eni-ip-one.sock"))).toBe(true);
  });

  it("registers again when the kubelet hangs up", async () => {
    await startPlugin({ announced: 2 });
    for (const times of [2, 3, 4]) {
      await kubeletHas(2);
      kubelet.hangUp();
      await eventually("a new registration", () => kubelet.registrations.length >= times);
    }
    await kubeletHas(2);
  });

  it("registers again when the kubelet has forgotten all slots", async () => {
    await startPlugin({ announced: 2 });
    await kubeletHas(2);
    kubelet.slots.clear();
    await kubeletHas(2);
    expect(kubelet.registrations.length).toBe(2);
  });

  it("binds its socket anew when somebody has removed it", async () => {
    await startPlugin({ announced: 1 });
    await kubeletHas(1);
    rmSync(join(folder, "device-plugins", "tke-eni-ip-one.sock"));
    await eventually("a new registration", () => kubelet.registrations.length >= 2);
    await kubeletHas(1);
  });

  describe("beside another instance", () => {
    it("leaves kubelet and node alone", async () => {
      const older = await startPlugin({ instance: "old", announced: 2 });
      await isShown(2);
      const newer = await startPlugin({ instance: "new", announced: 2, beside: true });
      newer.setTarget(5);
      older.setTarget(3);
      await isShown(3);
      older.setTarget(1);
      await isReported(1);
      expect(kubelet.registrations).toEqual(["tke-eni-ip-old.sock"]);
      expect(kubelet.slots.size).toBe(1);
      expect(shown).toEqual([2, 3, 1]);
    });

    it("is handed over to without the kubelet ever missing a slot", async () => {
      let instance = await startPlugin({ instance: "first", announced: 50 });
      await kubeletHas(50);
      let admitted = 0;
      for (const name of ["second", "third", "fourth"]) {
        const next = await startPlugin({ instance: name, announced: 50, beside: true });
        let over = false;
        const ending = instance.stop().then(() => {
          over = true;
        });
        while (!over) {
          await kubelet.admit(`pod-${admitted++}`);
          kubelet.pods.clear();
        }
        await ending;
        next.takeOver();
        instance = next;
      }
      expect(admitted).toBeGreaterThan(3);
      expect(kubelet.slots.size).toBe(50);
      expect(shown).toEqual([50]);
    });

    it("is not handed over to when it ends too", async () => {
      const older = await startPlugin({ instance: "old", announced: 2 });
      await isShown(2);
      const newer = await startPlugin({ instance: "new", announced: 2, beside: true });
      await Promise.all([newer.stop(), older.stop()]);
      expect(shown).toEqual([2, 0]);
      await eventually("the kubelet knows no slots", () => kubelet.slots.size === 0);
    });

    it("registers itself after a handing over, so that the kubelet notices its end", async () => {
      const older = await startPlugin({ instance: "old", announced: 2 });
      await isShown(2);
      const newer = await startPlugin({ instance: "new", announced: 2, beside: true });
      await older.stop();
      expect(kubelet.registrations).toEqual(["tke-eni-ip-old.sock", "tke-eni-ip-new.sock"]);
      newer.takeOver();
      await eventually("a registration of its own", () => kubelet.registrations.length === 3);
      await kubelet.admit("a");
      expect(kubelet.registrations.at(-1)).toBe("tke-eni-ip-new.sock");
      await newer.stop();
      await eventually("the kubelet knows no slots", () => kubelet.slots.size === 0);
    });

    it("is handed what the other has offered since", async () => {
      let announced = 2;
      const older = await startPlugin({ instance: "old", announced });
      await isShown(2);
      await startPlugin({ instance: "new", announced: () => announced, beside: true });
      older.onOffered((count) => {
        announced = count;
      });
      older.setTarget(5);
      await isShown(5);
      const counts: number[] = [];
      const watching = setInterval(() => counts.push(kubelet.slots.size), 1);
      await older.stop();
      await eventually("the successor's offer", () => kubelet.registrations.length === 2);
      await kubeletHas(5);
      clearInterval(watching);
      expect(new Set(counts)).toEqual(new Set([5]));
    });

    it("registers at once when the other has gone without handing over", async () => {
      let announced = 2;
      const plugin = await startPlugin({ announced: () => announced, beside: true });
      announced = 4;
      plugin.takeOver();
      expect(reported).toEqual([2, 4]);
      await kubeletHas(4);
      await isShown(4);
    });

    it("registers again when the kubelet is restarted before the other has quite gone", async () => {
      const older = await startPlugin({ instance: "old", announced: 2 });
      await isShown(2);
      await startPlugin({ instance: "new", announced: 2, beside: true });
      await older.stop();
      await kubelet.stop();
      await kubelet.start();
      await kubeletHas(2);
      expect(kubelet.registrations.at(-1)).toBe("tke-eni-ip-new.sock");
    });
  });

  it("ends alone when what looks like a successor does not answer", async () => {
    const plugin = await startPlugin({ instance: "old", announced: 2 });
    await isShown(2);
    const broken: RunningServer = await serveGrpc(
      join(folder, "device-plugins", "tke-eni-ip-broken.sock"),
      () => {},
    );
    await plugin.stop();
    await broken.stop();
    expect(shown).toEqual([2, 0]);
    expect(kubelet.registrations).toEqual(["tke-eni-ip-old.sock", "tke-eni-ip-old.sock"]);
    await eventually("the kubelet knows no slots", () => kubelet.slots.size === 0);
  });

  it("removes sockets of killed instances of ours, and nothing else", async () => {
    const plugins = join(folder, "device-plugins");
    for (const name of ["tke-eni-ip-dead.sock", "other.sock"]) leaveSocket(join(plugins, name));
    await Bun.write(join(plugins, "tke-eni-ip-notes"), "not a socket");
    await startPlugin({ instance: "alive" });
    await startPlugin({ instance: "second" });
    expect(readdirSync(plugins).toSorted()).toEqual([
      "kubelet.sock",
      "other.sock",
      "tke-eni-ip-alive.sock",
      "tke-eni-ip-notes",
      "tke-eni-ip-second.sock",
    ]);
  });
});

/** As a killed process leaves it: bound, with nobody behind. */
function leaveSocket(path: string): void {
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  Bun.spawnSync([process.execPath, "-e", script]);
  if (!lstatSync(path).isSocket()) throw new Error(`${path} is no socket`);
}
