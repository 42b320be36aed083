import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../kube/testing/eventually.ts";
import { createRecordingLogger } from "../../kube/testing/recording-logger.ts";
import { systemWaitingClock } from "../../kube/waiting-clock.ts";
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
};

describe("DevicePlugin", () => {
  let folder: string;
  let kubelet: FakeKubelet;
  let plugins: DevicePlugin[];
  /** Counts that the Node object was made to show. */
  let shown: number[];
  let reported: number[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "tke-kubelet-"));
    kubelet = new FakeKubelet(folder);
    await kubelet.start();
    plugins = [];
    shown = [];
    reported = [];
  });

  afterEach(async () => {
    await Promise.all(plugins.map((plugin) => plugin.stop()));
    await kubelet.stop();
    rmSync(folder, { recursive: true });
  });

  async function startPlugin(
    options: { instance?: string; announced?: number; timing?: Partial<DevicePluginTiming> } = {},
  ): Promise<DevicePlugin> {
    const plugin = new DevicePlugin({
      kubeletFolder: folder,
      instance: options.instance ?? "one",
      announced: options.announced ?? 0,
      nodeStatus: {
        async show(count) {
          if (shown.at(-1) !== count) shown.push(count);
        },
      },
      clock: systemWaitingClock,
      random: () => 0.5,
      logger: createRecordingLogger(),
      timing: { ...QUICK, ...options.timing },
    });
    plugin.onOffered((count) => reported.push(count));
    plugins.push(plugin);
    await plugin.start();
    return plugin;
  }

  const kubeletHas = (count: number) =>
    eventually(`the kubelet has ${count} slots`, () => kubelet.slots.size === count);
  const isReported = (count: number) => eventually(`${count} is reported`, () => reported.at(-1) === count);
  const isShown = (count: number) => eventually(`the node shows ${count}`, () => shown.at(-1) === count);

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

  it("takes its socket away when it stops, after the node has shown no free slot", async () => {
    const plugin = await startPlugin({ announced: 4 });
    await isShown(4);
    await kubelet.admit("a");
    const stopped = plugin.stop();
    await isShown(1);
    await kubelet.admit("bound before");
    await stopped;
    expect(readdirSync(join(folder, "device-plugins"))).toEqual(["kubelet.sock"]);
    await eventually("the kubelet knows no slots", () => kubelet.slots.size === 0);
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

  it("takes over from an older instance, which may serve on until it ends", async () => {
    const older = await startPlugin({ instance: "old", announced: 2 });
    await isShown(2);
    await startPlugin({ instance: "new", announced: 2 });
    await eventually("both have registered", () => kubelet.registrations.length === 2);
    older.setTarget(3);
    await kubeletHas(3);
    await older.stop();
    await eventually(
      "the new one again",
      () => kubelet.registrations.at(-1) === "tke-eni-ip-new.sock" && kubelet.registrations.length > 2,
    );
    await kubeletHas(2);
    await kubelet.admit("a");
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
