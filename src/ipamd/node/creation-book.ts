import { ENI_TAGS } from "../../api/eni-tags.ts";
import type { NodeENIConfigStatus } from "../../api/node-eni-config.ts";
import { type EmptyReadings, takeEmptyReading } from "./lost-creation.ts";
import { type NodeWorld, tagOf } from "./node-world.ts";

/** What became of intents to make an ENI whose answer never came. */
export class CreationBook {
  readonly #world: NodeWorld;
  readonly #emptyReadings = new Map<string, EmptyReadings>();

  constructor(world: NodeWorld) {
    this.#world = world;
  }

  /**
   * Looks for the ENI of a node's intent: one with its nonce is adopted with all others; one that two readings far apart do not
   * show was never made.
   *
   * @returns the intent, while it is not settled
   */
  async settle(node: string): Promise<NodeENIConfigStatus["creating"]> {
    const { cloud, view, objects, clock, logger } = this.#world;
    const creating = objects.configs.get(node)?.status?.creating;
    if (creating === undefined) return undefined;
    const made = () => view.ofNode(node).find((eni) => tagOf(eni, ENI_TAGS.nonce) === creating.nonce);
    const began = clock.monotonic();
    if (made() === undefined) {
      const found = await cloud.interfacesByTag({ key: ENI_TAGS.nonce, value: creating.nonce });
      const { uid } = this.#world.options.cluster;
      for (const eni of found) {
        if (tagOf(eni, ENI_TAGS.clusterUid) === uid) view.read([eni.id], [eni], began);
      }
    }
    const eni = made();
    if (eni !== undefined) {
      this.#emptyReadings.delete(node);
      // A later look adopts it, once it is attached.
      if (objects.enis.get(eni.id) === undefined) return creating;
      await objects.dropCreating(node);
      return undefined;
    }
    const { readings, dropIntent } = takeEmptyReading(this.#emptyReadings.get(node), creating.nonce, began);
    this.#emptyReadings.set(node, readings);
    if (!dropIntent) return creating;
    logger.warn({ node, nonce: creating.nonce }, "no ENI came of an earlier attempt to make one");
    this.#emptyReadings.delete(node);
    await objects.dropCreating(node);
    return undefined;
  }

  /** Forgets a node of which nothing is left. */
  forget(node: string): void {
    this.#emptyReadings.delete(node);
  }
}
