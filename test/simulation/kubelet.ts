import type { Slots } from "../../src/agent/kubelet/slots.ts";
import { POD_ANNOTATIONS } from "../../src/api/annotations.ts";
import { ENI_IP_RESOURCE } from "../../src/api/extended-resources.ts";
import type { ModelApiServer } from "../../src/sim/kube/model-api-server.ts";
import { textAt } from "../../src/sim/kube/served-kind.ts";
import type { JsonObject } from "../../src/sim/kube/shape.ts";
import type { VirtualClock } from "../../src/time/testing/virtual-clock.ts";
import type { Dice } from "./dice.ts";
import type { Machine } from "./machine.ts";

/** An address with what the plugin needs to use it. */
export interface GivenAddress {
  readonly address: string;
  readonly table: number;
}

/** The agent of the node as plugins and kubelet reach it. */
export interface AgentEnd {
  /** @returns undefined when there is none, or it did not answer well in time */
  add(attachment: {
    containerId: string;
    podNamespace: string;
    podName: string;
    podUid: string;
    ownOnly: boolean;
  }): Promise<GivenAddress | undefined>;
  /** @returns whether it has taken the release in */
  del(containerId: string): Promise<boolean>;
  /** The kubelet is about to hand this slot to a pod. */
  slotAllocated(slot: string): void;
}

export interface KubeletWorld {
  readonly machine: Machine;
  readonly server: ModelApiServer;
  readonly clock: VirtualClock;
  readonly dice: Dice;
  readonly agent: AgentEnd;
  /** Nothing comes from the API server, and nothing gets there. */
  readonly isCutOff: () => boolean;
  readonly note: (what: string) => void;
  /** A veth of a pod has been made, or is about to be taken away. */
  readonly onVeth: (change: "made" | "removed", containerId: string) => void;
  /** A pod was refused for good although the plugin serves. */
  readonly onRefused: (pod: string) => void;
}

interface PodRun {
  readonly key: string;
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** It asks for a slot; one that does not gets an address, too. */
  readonly asks: boolean;
  /** No address will do but its own. */
  readonly ownOnly: boolean;
  /** Its processes have ended by themselves. */
  finished: boolean;
  /** Its sandbox has vanished. */
  lost: boolean;
  /** It is to end. */
  ending: boolean;
  wake: () => void;
}

const STATUS_MS = 10_000;
const NO_SLOT = "";

/** The kubelet and the container runtime of a machine: pods that are bound to it get a slot, a sandbox and an address. */
export class Kubelet {
  readonly #world: KubeletWorld;
  readonly #runs = new Map<string, PodRun>();
  /** Uids of pods that have been here and gone: news of them may still be on their way. */
  readonly #done = new Set<string>();
  readonly #held = new Map<string, string>();
  /** What was heard last under a name, while another pod of that name still runs. */
  readonly #next = new Map<string, JsonObject>();
  /** What could not be told of pods, by uid. */
  readonly #untold = new Map<string, { readonly run: PodRun; readonly status: JsonObject }>();
  /** When the last news of a pod arrives. */
  #heard = 0;
  #known: Slots = new Set();
  /** Whether a device plugin is connected. */
  #connected = false;
  #connectedSince = 0;
  /** Raised when the machine goes down: what ran then ends by itself. */
  #life = 0;

  constructor(world: KubeletWorld) {
    this.#world = world;
    this.#everyTenSeconds();
  }

  /** Keys of the pods that run or are about to, with their uid. */
  get pods(): ReadonlyMap<string, { readonly uid: string }> {
    return this.#runs;
  }

  /** Slots that it may hand to pods, those held included. */
  get slots(): Slots {
    return this.#connected ? this.#known : new Set();
  }

  /** Slots that pods hold, with the pods' keys. */
  get held(): ReadonlyMap<string, string> {
    return this.#held;
  }

  /** A device plugin has registered, or has sent another list. */
  offered(slots: Slots): void {
    if (!this.#connected) this.#connectedSince = this.#world.clock.monotonic();
    this.#connected = true;
    this.#known = slots;
  }

  /** The device plugin's stream has ended. */
  hungUp(): void {
    this.#connected = false;
  }

  /** The kubelet's own word on what is allocatable. */
  report(): void {
    const { server, machine, isCutOff } = this.#world;
    if (!machine.isOn || isCutOff()) return;
    const path = `/api/v1/nodes/${machine.nodeName}`;
    const { status, body } = server.answer({ method: "GET", path });
    if (status !== 200) return;
    const node = JSON.parse(body) as {
      status?: { allocatable?: Record<string, string>; capacity?: Record<string, string> };
    };
    const count = String(this.slots.size);
    const capacity = String(this.#known.size);
    const shown = [
      node.status?.allocatable?.[ENI_IP_RESOURCE] ?? "0",
      node.status?.capacity?.[ENI_IP_RESOURCE] ?? "0",
    ];
    if (shown[0] === count && shown[1] === capacity) return;
    const patch = {
      status: { allocatable: { [ENI_IP_RESOURCE]: count }, capacity: { [ENI_IP_RESOURCE]: capacity } },
    };
    server.answer({
      method: "PATCH",
      path: `${path}/status`,
      query: { fieldManager: "kubelet" },
      headers: { "content-type": "application/merge-patch+json" },
      body: JSON.stringify(patch),
    });
  }

  /** What the API server says of a pod of this node; it is heard late, and in order. */
  podChanged(key: string, pod: JsonObject | undefined): void {
    const { clock, dice, machine } = this.#world;
    const life = this.#life;
    this.#heard = Math.max(this.#heard, clock.monotonic() + dice.between(20, 500));
    clock.at(this.#heard, () => {
      if (life === this.#life && machine.isOn && !this.#world.isCutOff()) this.#take(key, pod);
    });
  }

  /** The API server answers again. @param pods those that are bound to this node, by key */
  resync(pods: ReadonlyMap<string, JsonObject>): void {
    for (const { run, status } of this.#untold.values()) this.#status(run, status);
    this.#untold.clear();
    for (const key of new Set([...this.#runs.keys(), ...pods.keys()])) this.podChanged(key, pods.get(key));
  }

  /** The processes of a pod end by themselves. */
  finish(key: string): void {
    const run = this.#runs.get(key);
    if (run === undefined) return;
    run.finished = true;
    run.wake();
  }

  /** A sandbox is gone that nobody has torn down, as after a crash of the container runtime; the pod gets another. */
  loseSandbox(key: string): void {
    const run = this.#runs.get(key);
    if (run === undefined) return;
    run.lost = true;
    run.wake();
  }

  /** The machine has lost its power. */
  turnOff(): void {
    this.#life++;
    for (const run of this.#runs.values()) run.wake();
    this.#runs.clear();
    this.#held.clear();
    this.#next.clear();
    this.#connected = false;
  }

  #take(key: string, pod: JsonObject | undefined): void {
    const run = this.#runs.get(key);
    const uid = pod === undefined ? "" : textAt(pod, "metadata.uid");
    const isDeleted = pod !== undefined && textAt(pod, "metadata.deletionTimestamp") !== "";
    const hasEnded = pod !== undefined && ["Succeeded", "Failed"].includes(textAt(pod, "status.phase"));
    if (run !== undefined) {
      if (uid === run.uid && !isDeleted && !hasEnded) return;
      if (pod !== undefined && uid !== run.uid) this.#next.set(key, pod);
      else this.#next.delete(key);
      run.ending = true;
      run.wake();
    } else if (isDeleted) {
      this.#finish(key, uid);
    } else if (pod !== undefined && !hasEnded && !this.#done.has(uid)) {
      const [namespace = "", name = ""] = key.split("/");
      const asks = JSON.stringify(pod["spec"]).includes(ENI_IP_RESOURCE);
      const fresh: PodRun = {
        key,
        uid,
        namespace,
        name,
        asks,
        ownOnly: keepsAddress(pod),
        finished: false,
        lost: false,
        ending: false,
        wake() {},
      };
      this.#runs.set(key, fresh);
      void this.#run(fresh, this.#life);
    }
  }

  async #run(run: PodRun, life: number): Promise<void> {
    const { clock } = this.#world;
    const gone = () => life !== this.#life;
    const slot = run.asks ? this.#admit(run) : NO_SLOT;
    if (slot === undefined) {
      this.#refuse(run);
      return;
    }
    this.#status(run, { phase: "Pending", startTime: stamp(clock.now()) });
    while (!run.ending && !run.finished) {
      const containerId = await this.#bringUp(run, life);
      if (containerId !== undefined) await this.#live(run, { containerId, slot, life });
      if (gone()) return;
    }
    this.#held.delete(slot);
    this.#runs.delete(run.key);
    this.#done.add(run.uid);
    this.#finish(run.key, run.uid);
    this.#takeNext(run.key);
  }

  /** The name is free for the next pod. */
  #takeNext(key: string): void {
    const next = this.#next.get(key);
    this.#next.delete(key);
    if (next !== undefined) this.#take(key, next);
  }

  /** Tries until it has a sandbox with an address. @returns undefined when the pod is to end before */
  async #bringUp(run: PodRun, life: number): Promise<string | undefined> {
    const { dice } = this.#world;
    while (!run.ending && life === this.#life) {
      const sandbox = `c-${run.uid.slice(-6)}-${dice.hex(4)}`;
      if (await this.#add(run, sandbox, life)) return sandbox;
      if (life !== this.#life) return undefined;
      await this.#tearDown(sandbox, life);
      if (!run.ending) await this.#sleep(run, dice.between(1_000, 8_000));
    }
    return undefined;
  }

  /** From when its sandbox runs until that is gone. */
  async #live(
    run: PodRun,
    { containerId, slot, life }: { containerId: string; slot: string; life: number },
  ): Promise<void> {
    const { machine, clock, dice, note, onVeth } = this.#world;
    const podIP = machine.veths.get(containerId)?.address ?? "";
    note(`runs ${run.key} at ${podIP}`);
    this.#status(run, { phase: "Running", podIP });
    while (!run.ending && !run.finished && !run.lost) await this.#sleep(run, Number.MAX_SAFE_INTEGER);
    if (life !== this.#life) return;
    if (run.lost) {
      // Nobody tells the agent.
      run.lost = false;
      onVeth("removed", containerId);
      machine.removeVeth(containerId);
      machine.sandboxes.delete(containerId);
      return;
    }
    if (run.finished) {
      // A slot of a pod that has ended is free for the next, whatever still stands of it.
      this.#held.delete(slot);
      this.#status(run, { phase: "Succeeded" });
    } else {
      await clock.sleep(dice.between(50, 3_000));
      if (life !== this.#life) return;
    }
    await this.#tearDown(containerId, life);
  }

  /** The agent's answer becomes a veth; whatever goes wrong, the sandbox is torn down by the caller. */
  async #add(run: PodRun, containerId: string, life: number): Promise<boolean> {
    const { machine, agent, onVeth } = this.#world;
    const { namespace: podNamespace, name: podName, uid: podUid, ownOnly } = run;
    machine.sandboxes.set(containerId, {
      id: containerId,
      podNamespace,
      podName,
      podUid,
      address: undefined,
    });
    const given = await agent.add({ containerId, podNamespace, podName, podUid, ownOnly });
    if (given === undefined || life !== this.#life) return false;
    const { address, table } = given;
    const index = machine.nextIndex();
    machine.veths.set(containerId, { containerId, address, table, index, pod: run.key, uid: podUid });
    const sandbox = machine.sandboxes.get(containerId);
    if (sandbox !== undefined) sandbox.address = address;
    onVeth("made", containerId);
    return true;
  }

  /** DEL: the veth goes first, then the agent hears of it, or finds it on disk. */
  async #tearDown(containerId: string, life: number): Promise<void> {
    const { machine, agent, clock, dice, onVeth, note } = this.#world;
    if (machine.veths.has(containerId)) {
      onVeth("removed", containerId);
      machine.retireVeth(containerId);
      // The kernel takes its time to delete a link.
      clock.after(dice.between(1, 400), () => machine.removeVeth(containerId));
    }
    const taken = await agent.del(containerId);
    if (life !== this.#life) return;
    if (!taken) {
      note(`queues the release of ${containerId}`);
      machine.queuedReleases.push({ containerId, ifName: "eth0" });
    }
    await clock.sleep(dice.between(5, 50));
    machine.sandboxes.delete(containerId);
  }

  #admit(run: PodRun): string | undefined {
    const free = [...this.slots].filter((slot) => !this.#held.has(slot)).toSorted()[0];
    if (free === undefined) return undefined;
    this.#held.set(free, run.key);
    this.#world.agent.slotAllocated(free);
    return free;
  }

  #refuse(run: PodRun): void {
    const { clock, note, onRefused } = this.#world;
    this.#runs.delete(run.key);
    this.#done.add(run.uid);
    note(`refuses ${run.key} for good: no slot is free`);
    // Right after an agent has come or gone its slots may be missing for a moment, which is known.
    const isSettled = this.#connected && clock.monotonic() - this.#connectedSince > STATUS_MS;
    // Nobody can know of slots of pods that were deleted by force and still run.
    if (isSettled && !this.#holdsForgotten()) onRefused(run.key);
    this.#status(run, { phase: "Failed", reason: "UnexpectedAdmissionError" });
    this.#takeNext(run.key);
  }

  /** Whether a slot is held by a pod that has no object any more. */
  #holdsForgotten(): boolean {
    const uids = new Set(this.#world.server.objects("pods").map((pod) => textAt(pod, "metadata.uid")));
    return [...this.#held.values()].some((key) => {
      const run = this.#runs.get(key);
      return run !== undefined && !uids.has(run.uid);
    });
  }

  #status(run: PodRun, status: JsonObject): void {
    if (this.#world.isCutOff()) {
      this.#untold.set(run.uid, { run, status: { ...this.#untold.get(run.uid)?.status, ...status } });
      return;
    }
    const path = `/api/v1/namespaces/${run.namespace}/pods/${run.name}/status`;
    this.#world.server.answer({
      method: "PATCH",
      path,
      query: { fieldManager: "kubelet" },
      headers: { "content-type": "application/merge-patch+json" },
      body: JSON.stringify({ metadata: { uid: run.uid }, status }),
    });
  }

  /** All of the pod is gone from the machine: if its end was asked for, its object goes too. */
  #finish(key: string, uid: string): void {
    if (this.#world.isCutOff()) return;
    const [namespace, name] = key.split("/");
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    const { status, body } = this.#world.server.answer({ method: "GET", path });
    if (status !== 200) return;
    const pod = JSON.parse(body) as JsonObject;
    if (textAt(pod, "metadata.uid") !== uid || textAt(pod, "metadata.deletionTimestamp") === "") return;
    const options = { preconditions: { uid }, gracePeriodSeconds: 0 };
    this.#world.server.answer({ method: "DELETE", path, body: JSON.stringify(options) });
  }

  #everyTenSeconds(): void {
    const { clock, dice } = this.#world;
    clock.after(STATUS_MS * dice.between(0.95, 1.05), () => {
      this.#everyTenSeconds();
      this.report();
    });
  }

  /** Resolves after `ms`, or when something is told to the pod's run. */
  #sleep(run: PodRun, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = ms < Number.MAX_SAFE_INTEGER ? this.#world.clock.after(ms, () => run.wake()) : () => {};
      run.wake = () => {
        run.wake = () => {};
        cancel();
        resolve();
      };
    });
  }
}

/** What the plugin reads of the annotations that the runtime hands on. */
function keepsAddress(pod: JsonObject): boolean {
  const { annotations = {} } = pod["metadata"] as { annotations?: Record<string, string> };
  return annotations[POD_ANNOTATIONS.claimDeletePolicy] === "Never";
}

function stamp(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\.\d+Z$/, "Z");
}
