import type { VpcENI } from "../../api/vpc-eni.ts";
import type { WorkResult } from "../work-queue.ts";
import { type Departure, nextDeparture } from "./departure.ts";
import type { NodeWorld } from "./node-world.ts";
import { releaseEni } from "./release-eni.ts";
import { syncObjects } from "./sync-objects.ts";

/** Pause between two looks at a node that is gone. */
const LOOK_MS = 1000;

/** Releases what nodes had that are gone for good. */
export class DepartingNodes {
  readonly #world: NodeWorld;
  readonly #departures = new Map<string, Departure>();

  constructor(world: NodeWorld) {
    this.#world = world;
  }

  /** Forgets the departure of a node that is there. Its ENIs that have been asked back go on their own. */
  returned(node: string): void {
    this.#departures.delete(node);
  }

  /** One look at a node that the watch does not show. */
  async look(node: string): Promise<WorkResult> {
    const { objects, clock, settings, logger } = this.#world;
    const config = objects.configs.get(node);
    const enis = objects.enisOf(node);
    if (config === undefined && enis.length === 0 && objects.addressesOf(node).length === 0) {
      this.#departures.delete(node);
      this.#world.instances.forget(node);
      return {};
    }
    if ((await this.#world.findNode(node)) !== undefined) {
      this.#departures.delete(node);
      return { againInMs: LOOK_MS };
    }
    const before = this.#departures.get(node);
    const next = nextDeparture(before, {
      now: clock.monotonic(),
      graceMs: settings.nodeGoneGraceMs,
      answerMs: settings.agentAnswerMs,
      instanceHasNode: this.#haveAnotherNode(node, enis),
      agentAgreed: enis.every(isAgreed),
    });
    if (next === undefined) {
      this.#departures.delete(node);
      return { againInMs: LOOK_MS };
    }
    if (next.phase !== before?.phase)
      logger.info({ node, phase: next.phase, enis: enis.length }, "the Node is gone");
    this.#departures.set(node, next);
    if (next.phase === "asked") await this.#ask(enis);
    if (next.phase === "releasing") {
      await this.#release(node, enis);
      if (objects.enisOf(node).length === 0 && objects.addressesOf(node).length === 0) {
        if (config !== undefined) await objects.dropConfig(config);
        return {};
      }
    }
    return { againInMs: LOOK_MS };
  }

  #haveAnotherNode(node: string, enis: readonly VpcENI[]): boolean {
    const instances = new Set(enis.map((veni) => veni.spec.instanceID));
    return this.#world.nodes.list().some(({ metadata: { name } }) => {
      const instance = this.#world.instances.lastKnown(name);
      return name !== node && instance !== undefined && instances.has(instance.id);
    });
  }

  async #ask(enis: readonly VpcENI[]): Promise<void> {
    for (const veni of enis) {
      if (veni.spec.reclaim !== undefined) continue;
      await this.#world.objects.writeEni(veni.metadata.name, {
        ...veni.spec,
        intent: "Released",
        reclaim: { token: this.#world.nonce(), mode: "now" },
      });
    }
  }

  async #release(node: string, enis: readonly VpcENI[]): Promise<void> {
    const quota = this.#world.objects.configs.get(node)?.status?.quota;
    const addressesPerEni = (quota?.addressesPerENI ?? 1) - 1;
    for (const instanceId of new Set(enis.map((veni) => veni.spec.instanceID))) {
      await syncObjects(this.#world, { node, instanceId, addressesPerEni });
    }
    for (const veni of this.#world.objects.enisOf(node)) {
      if (veni.spec.intent !== "Released") {
        await this.#world.objects.writeEni(veni.metadata.name, { ...veni.spec, intent: "Released" });
      }
      await releaseEni(this.#world, veni);
    }
  }
}

function isAgreed(veni: VpcENI): boolean {
  const { reclaim } = veni.spec;
  const use = veni.status?.use;
  return reclaim !== undefined && use?.token === reclaim.token && use.state === "Reclaimable";
}
