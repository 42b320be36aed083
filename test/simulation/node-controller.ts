import { textAt } from "../../src/sim/kube/served-kind.ts";
import type { JsonObject } from "../../src/sim/kube/shape.ts";
import type { Host, World } from "./world.ts";

/** `node-monitor-grace-period` of the controller manager, and how often it looks. */
const SILENT_MS = 40_000;
const LOOK_MS = 5_000;

export const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";
const UNREACHABLE = "node.kubernetes.io/unreachable";

interface Taint {
  readonly key: string;
  readonly effect: string;
}

/** As the node lifecycle controller: a Node whose kubelet is silent is `Unknown` and tainted, until that is heard of again. */
export class NodeController {
  readonly #world: World;
  /** By Node, when its kubelet was heard of last. */
  readonly #heard = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
    this.#looks();
  }

  #looks(): void {
    this.#world.clock.after(LOOK_MS, () => {
      this.#looks();
      for (const node of this.#world.server.objects("nodes")) this.#look(node);
    });
  }

  #look(node: JsonObject): void {
    const { clock, hosts } = this.#world;
    const name = textAt(node, "metadata.name");
    const now = clock.monotonic();
    const host = hosts.get(name);
    if (isHeard(host)) {
      this.#heard.set(name, now);
      if (readiness(node) !== "True") {
        // The kubelet says both at once.
        host?.kubelet.report();
        this.#say(name, "True");
      }
      setTaint(this.#world, name, { key: UNREACHABLE, set: false });
      return;
    }
    const heard = this.#heard.get(name) ?? now;
    this.#heard.set(name, heard);
    if (now - heard < SILENT_MS || readiness(node) === "Unknown") return;
    this.#say(name, "Unknown");
    setTaint(this.#world, name, { key: UNREACHABLE, set: true });
  }

  #say(name: string, status: "True" | "Unknown"): void {
    const lastTransitionTime = new Date(this.#world.clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
    this.#world.request("PATCH", `/api/v1/nodes/${name}/status`, {
      status: { conditions: withReady(this.#world, name, { type: "Ready", status, lastTransitionTime }) },
    });
  }
}

/** Since when a node has been unreachable as everybody may know, wall clock; undefined where it is reachable. */
export function unreachableSince(node: JsonObject): number | undefined {
  const ready = conditionsOf(node).find((it) => textAt(it, "type") === "Ready");
  if (ready === undefined || textAt(ready, "status") !== "Unknown") return undefined;
  return Date.parse(textAt(ready, "lastTransitionTime"));
}

/** Sets a taint of a Node, or takes it away, beside the others. */
export function setTaint(world: World, name: string, { key, set }: { key: string; set: boolean }): void {
  const node = world.server.objects("nodes").find((it) => textAt(it, "metadata.name") === name);
  if (node === undefined) return;
  const { taints = [] } = (node["spec"] ?? {}) as { taints?: readonly Taint[] };
  if (taints.some((taint) => taint.key === key) === set) return;
  const others = taints.filter((taint) => taint.key !== key);
  const next = set ? [...others, { key, effect: "NoExecute" }] : others;
  world.request("PATCH", `/api/v1/nodes/${name}`, { spec: { taints: next.length > 0 ? next : null } });
}

export function hasTaint(node: JsonObject, key: string): boolean {
  const { taints = [] } = (node["spec"] ?? {}) as { taints?: readonly Taint[] };
  return taints.some((taint) => taint.key === key);
}

function isHeard(host: Host | undefined): boolean {
  return host?.machine.isOn === true && !host.isolated;
}

function readiness(node: JsonObject): string {
  return textAt(conditionsOf(node).find((it) => textAt(it, "type") === "Ready") ?? {}, "status");
}

function conditionsOf(node: JsonObject): JsonObject[] {
  return ((node["status"] as JsonObject | undefined)?.["conditions"] ?? []) as JsonObject[];
}

/** A merge patch puts a whole list in the place of another. */
function withReady(world: World, name: string, ready: JsonObject): JsonObject[] {
  const node = world.server.objects("nodes").find((it) => textAt(it, "metadata.name") === name);
  return [...conditionsOf(node ?? {}).filter((it) => textAt(it, "type") !== "Ready"), ready];
}
