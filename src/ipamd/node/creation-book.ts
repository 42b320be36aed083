import { ENI_TAGS } from "../../api/eni-tags.ts";
import type { NodeENIConfigStatus } from "../../api/node-eni-config.ts";
import { type EniSearch, takeEmptyReading } from "./lost-creation.ts";
import { type NodeWorld, tagOf } from "./node-world.ts";

/**
 * Up to so many intents are searched for one by one; with more of them, as after a region that was down, one reading of everything
 * serves all: a thousand searches a second would leave no call for anything else.
 */
const FEW = 5;

/** An ENI that has been found is adopted by one of the next looks. */
const LEAST_PAUSE_MS = 1000;

/** What became of intents to make an ENI whose answer never came. */
export class CreationBook {
  readonly #world: NodeWorld;
  readonly #readEverything: () => Promise<number>;
  /** By node. */
  readonly #searches = new Map<string, EniSearch>();

  /** @param readEverything reads all ENIs of the cluster into the view, from now on. @returns when the reading began, monotonic ms */
  constructor(world: NodeWorld, readEverything: () => Promise<number>) {
    this.#world = world;
    this.#readEverything = readEverything;
  }

  /**
   * Looks for the ENI of a node's intent: one with its nonce is adopted with all others; one that two readings far apart do not
   * show was never made.
   *
   * @returns the intent, while it is not settled
   */
  async settle(node: string): Promise<NodeENIConfigStatus["creating"]> {
    const { view, objects, clock, logger } = this.#world;
    const creating = objects.configs.get(node)?.status?.creating;
    if (creating === undefined) {
      this.#searches.delete(node);
      return undefined;
    }
    const { nonce } = creating;
    const made = () => view.ofNode(node).find((eni) => tagOf(eni, ENI_TAGS.nonce) === nonce);
    const search = this.#searches.get(node);
    if (made() === undefined && search?.nonce === nonce && clock.monotonic() < search.nextAt) return creating;
    const began = made() === undefined ? await this.#read(node, nonce) : undefined;
    const eni = made();
    if (eni !== undefined) {
      this.#searches.delete(node);
      // A later look adopts it, once it is attached.
      if (objects.enis.get(eni.id) === undefined) return creating;
      await objects.dropCreating(node);
      return undefined;
    }
    if (began === undefined) return creating;
    const { search: next, dropIntent } = takeEmptyReading(search, nonce, began);
    this.#searches.set(node, next);
    if (!dropIntent) return creating;
    logger.warn({ node, nonce }, "no ENI came of an earlier attempt to make one");
    this.#searches.delete(node);
    await objects.dropCreating(node);
    return undefined;
  }

  /** Milliseconds until a node's unsettled intent should be looked at again. */
  dueInMs(node: string): number {
    const nextAt = this.#searches.get(node)?.nextAt ?? 0;
    return Math.max(LEAST_PAUSE_MS, nextAt - this.#world.clock.monotonic());
  }

  /** @returns when the reading began, monotonic ms */
  async #read(node: string, nonce: string): Promise<number> {
    const { cloud, view, clock } = this.#world;
    const others = this.#searches.size - (this.#searches.has(node) ? 1 : 0);
    if (others >= FEW) return this.#readEverything();
    const began = clock.monotonic();
    const found = await cloud.interfacesByTag({ key: ENI_TAGS.nonce, value: nonce });
    const { uid } = this.#world.options.cluster;
    for (const eni of found) {
      if (tagOf(eni, ENI_TAGS.clusterUid) === uid) view.read([eni.id], [eni], began);
    }
    return began;
  }

  /** Forgets a node of which nothing is left. */
  forget(node: string): void {
    this.#searches.delete(node);
  }
}
