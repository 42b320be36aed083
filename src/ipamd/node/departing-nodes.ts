import type { VpcENI } from "../../api/vpc-eni.ts";
import { addressOfVpcIp } from "../../api/vpc-ip-name.ts";
import type { Node } from "../../kube/core-resources.ts";
import type { WorkResult } from "../work-queue.ts";
import type { CreationBook } from "./creation-book.ts";
import { type Departure, nextDeparture } from "./departure.ts";
import type { NodeWorld } from "./node-world.ts";
import { holdsClaimed, releaseEni } from "./release-eni.ts";
import type { RunCalls } from "./run-calls.ts";
import { askForEni, syncObjects } from "./sync-objects.ts";

/** Pause between two looks at a node that is gone. */
const LOOK_MS = 1000;
/** The same, of one of which only addresses are kept that have claims. */
const KEEPING_MS = 30_000;

/** What a node's name had on machines that no Node of this name is any more. */
interface Remains {
  node: string;
  /** Machines that have something; an empty id stands for an ENI of which nobody knows where it was attached. */
  holders: ReadonlySet<string>;
  /** Those, and the one that the node was last known to be: what turns up may be of it. */
  instanceIds: ReadonlySet<string>;
}

/** Releases what nodes had that are gone for good. */
export class DepartingNodes {
  readonly #world: NodeWorld;
  readonly #creations: CreationBook;
  readonly #departures = new Map<string, Departure>();
  /** Of machines whose name another machine has now; by that name. */
  readonly #replaced = new Map<string, Departure>();

  constructor(world: NodeWorld, creations: CreationBook) {
    this.#world = world;
    this.#creations = creations;
  }

  /** One look at a node that the watch does not show. */
  async look(node: string, calls: RunCalls): Promise<WorkResult> {
    const { objects, instances, findNode } = this.#world;
    const config = objects.configs.get(node);
    if (config === undefined && this.#remains(node).holders.size === 0) {
      this.#departures.delete(node);
      this.#replaced.delete(node);
      instances.forget(node);
      this.#creations.forget(node);
      return {};
    }
    if ((await findNode(node)) !== undefined) {
      this.#departures.delete(node);
      return { againInMs: LOOK_MS };
    }
    const phase = await this.#depart(this.#remains(node), { departures: this.#departures, calls });
    // An ENI may come yet of an intent that was never answered.
    const creating = await this.#creations.settle(node);
    const done = phase === "releasing" && creating === undefined && this.#remains(node).holders.size === 0;
    if (!done) return { againInMs: this.#againInMs(this.#remains(node)) };
    if (config !== undefined) await objects.dropConfig(config);
    return {};
  }

  /**
   * One look at a node that is there: it cancels its departure (ENIs that have been asked back go on their own), and what another
   * machine had under its name departs.
   *
   * @throws CloudError when the cloud does not say which machine the node is
   */
  async lookAtReplaced(node: Node, calls: RunCalls): Promise<WorkResult> {
    const { name, uid } = node.metadata;
    this.#departures.delete(name);
    if (this.#remains(name).holders.size === 0) return {};
    const { instance } = await this.#world.instances.identify(node);
    // Which of them are the former machine's is not known before.
    if (instance === undefined) return {};
    if (this.#remains(name, instance.id).holders.size === 0) {
      this.#replaced.delete(name);
      return {};
    }
    if ((await this.#world.findNode(name))?.metadata.uid === uid) {
      await this.#depart(this.#remains(name, instance.id), { departures: this.#replaced, calls });
    } else {
      this.#replaced.delete(name);
    }
    return { againInMs: this.#againInMs(this.#remains(name, instance.id)) };
  }

  /** Where all that is left are ENIs that are attached to nothing and keep addresses of claims, there is time: they go one by one, in days. */
  #againInMs({ node, holders }: Remains): number {
    const { objects, view } = this.#world;
    const enis = objects.enisOf(node).filter(({ spec }) => holders.has(spec.instanceID));
    const onlyKeeps = enis.every(
      (veni) => view.isDetached(veni.metadata.name) && holdsClaimed(this.#world, veni),
    );
    return enis.length > 0 && onlyKeeps ? KEEPING_MS : LOOK_MS;
  }

  /** @param present the machine that the node is now, whose things are left alone */
  #remains(node: string, present?: string): Remains {
    const { view, objects } = this.#world;
    const objectsLeft = [...objects.enisOf(node), ...objects.addressesOf(node)];
    const unadopted = view.ofNode(node).filter((eni) => objects.enis.get(eni.id) === undefined);
    const holders = [
      ...objectsLeft.map((object) => object.spec.instanceID),
      // One that is attached to nothing is adopted by the machine that is there.
      ...unadopted.map((eni) => eni.instanceId ?? present ?? ""),
    ].filter((id) => id !== present);
    const last = present === undefined ? objects.configs.get(node)?.status?.instanceID : undefined;
    const instanceIds = new Set([...(last === undefined ? [] : [last]), ...holders]);
    return { node, holders: new Set(holders), instanceIds };
  }

  /** The next step, right after a quorum read that found no Node on these machines. */
  async #depart(
    remains: Remains,
    { departures, calls }: { departures: Map<string, Departure>; calls: RunCalls },
  ): Promise<Departure["phase"] | undefined> {
    const { objects, clock, options, logger, tokens } = this.#world;
    const { node, holders, instanceIds } = remains;
    const found = clock.monotonic();
    const quota = objects.configs.get(node)?.status?.quota;
    for (const instanceId of instanceIds) {
      await syncObjects(this.#world, {
        node,
        instanceId,
        addressesPerEni: (quota?.addressesPerENI ?? 1) - 1,
      });
    }
    await this.#moveToNewName(node, holders);
    const enis = objects.enisOf(node).filter((veni) => holders.has(veni.spec.instanceID));
    const before = departures.get(node);
    const next = nextDeparture(before, {
      now: found,
      graceMs: options.nodeGoneGraceMs,
      answerMs: options.agentAnswerMs,
      instanceHasNode: this.#haveAnotherNode(node, holders),
      allAsked: enis.every(({ spec }) => spec.reclaim !== undefined && tokens.isValid(spec.reclaim.token)),
      agentAgreed: enis.every((veni) => this.#isAgreed(veni)) || (await this.#areDown(before, holders)),
    });
    if (next === undefined) {
      departures.delete(node);
      return undefined;
    }
    if (next.phase !== before?.phase) {
      const fields = { node, instances: [...instanceIds], phase: next.phase, enis: enis.length };
      logger.info(fields, "the Node is gone");
    }
    departures.set(node, next);
    if (next.phase !== "absent") {
      for (const veni of enis) await askForEni(this.#world, veni, "now");
    }
    if (next.phase === "releasing") for (const veni of enis) await releaseEni(this.#world, veni, calls);
    return next.phase;
  }

  /**
   * A machine that registers under another name keeps what it has: its agent finds its pods' addresses in its own store. What has been
   * asked back stays asked, and the agent answers under the new name.
   */
  async #moveToNewName(node: string, holders: ReadonlySet<string>): Promise<void> {
    const { objects, nodes, instances, logger } = this.#world;
    for (const instanceId of holders) {
      const heir = nodes.list().find((it) => it.metadata.name !== node && instances.is(it, instanceId));
      if (heir === undefined) continue;
      const to = heir.metadata.name;
      const isThere = ({ spec }: { spec: { instanceID: string } }) => spec.instanceID === instanceId;
      const enis = objects.enisOf(node).filter(isThere);
      const addresses = objects.addressesOf(node).filter(isThere);
      for (const veni of enis) await objects.writeEni(veni.metadata.name, { ...veni.spec, node: to });
      for (const { metadata } of addresses) {
        await objects.changeAddress(addressOfVpcIp(metadata.name), (spec) => ({ ...spec, node: to }));
      }
      const fields = { node, to, instance: instanceId, enis: enis.length, addresses: addresses.length };
      if (enis.length + addresses.length > 0) logger.info(fields, "the machine has another name now");
    }
  }

  #isAgreed({ spec, status }: VpcENI): boolean {
    const { reclaim } = spec;
    return (
      reclaim !== undefined &&
      this.#world.tokens.isValid(reclaim.token) &&
      status?.use?.token === reclaim.token &&
      status.use.state === "Reclaimable"
    );
  }

  /** Where the cloud says that the machines do not run, there is no agent to wait for. */
  async #areDown(departure: Departure | undefined, instanceIds: ReadonlySet<string>): Promise<boolean> {
    if (departure?.phase !== "asked") return false;
    const named = [...instanceIds].filter((id) => id !== "");
    const down = await Promise.all(named.map((id) => this.#world.instances.isDown(id)));
    return named.length > 0 && down.every(Boolean);
  }

  #haveAnotherNode(node: string, instanceIds: ReadonlySet<string>): boolean {
    const { nodes, instances } = this.#world;
    return nodes.list().some((other) => other.metadata.name !== node && instances.mayBe(other, instanceIds));
  }
}
