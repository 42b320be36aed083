import { TRASH_GROUP } from "../../api/data-path.ts";
import { podLinkName } from "../../api/pod-link-name.ts";
import { getLink, setLink } from "../../netlink/link.ts";
import { tolerating } from "../../netlink/message.ts";
import { NetworkNamespace } from "../../netlink/namespace.ts";
import { NetlinkSocket } from "../../netlink/socket.ts";
import type { Allocation } from "../../pod-link/allocation.ts";
import { detachPod } from "../../pod-link/detach-pod.ts";
import { type HostSide, makePodLink } from "../../pod-link/make-pod-link.ts";
import { openSameNamespace } from "../../pod-link/pod-namespace.ts";
import { type DescribedLink, isBeside } from "../../pod-link/pod-network.ts";
import type { Logger } from "../logger.ts";
import type { LinkMaker } from "../metrics/agent-metrics.ts";
import type { Attachment } from "../pool/attachment.ts";

/** The pod's namespace as the plugin sees it. */
export interface PluginsNamespace {
  readonly netns: string;
  /** In decimal digits. */
  readonly netnsInode: string;
}

export interface PodLinksWorld {
  readonly logger: Logger;
  /** Has the group of what was taken away deleted before long. */
  readonly deleteSoon: () => void;
  /** Told of each link, and whether its plugin has to make it. */
  readonly made: (by: LinkMaker) => void;
}

/** Whose link it is. */
export type LinkOwner = Pick<Attachment, "containerId" | "ifName" | "podNamespace" | "podName">;

/**
 * Makes pods' links and takes them away in their plugins' stead: a plugin is a new process for each pod, which has to load and compile
 * what it does; here it is warm. Whatever does not work here is left to the plugin, which does the same and can say what is wrong.
 */
export class PodLinks {
  readonly #world: PodLinksWorld;
  readonly #host: HostSide;

  /** @param host closed with this */
  constructor(
    world: PodLinksWorld,
    host: HostSide = { socket: NetlinkSocket.open(), namespace: NetworkNamespace.own() },
  ) {
    this.#world = world;
    this.#host = host;
  }

  /** @returns undefined when the plugin has to do it */
  make(owner: LinkOwner, wanted: PluginsNamespace & { allocation: Allocation }): DescribedLink | undefined {
    const made = this.#make(owner, wanted);
    this.#world.made(made === undefined ? "plugin" : "agent");
    return made;
  }

  #make(
    owner: LinkOwner,
    { allocation, ...where }: PluginsNamespace & { allocation: Allocation },
  ): DescribedLink | undefined {
    try {
      using namespace = openSameNamespace(where.netns, where.netnsInode);
      if (namespace === undefined) return undefined;
      return makePodLink(namespace, { names: namesOf(owner), allocation, host: this.#host });
    } catch (error) {
      this.#leave(owner, error);
      return undefined;
    }
  }

  /**
   * A kubelet's pod loses its namespace next, and so its link only changes its group, by which nothing that it sends goes on, and is
   * deleted a moment later: one deletion costs 16 ms, and all that have gathered since together no more. Until it has gone, nobody is
   * given its address. Of anybody else's the names are free at once.
   *
   * @param where undefined when the namespace is dead
   * @returns whether nothing is left for the plugin to do, as when there was none
   */
  take(owner: LinkOwner, where: PluginsNamespace | undefined): boolean {
    try {
      const { socket } = this.#host;
      const there = socket.get(getLink({ name: namesOf(owner).hostName }));
      const isOurs = there?.alias === owner.containerId;
      // One without an alias is an ADD that has ended half-way, and what tells whose it is is in its namespace.
      if (!isOurs && there?.alias !== undefined) return true;
      if (isOurs && owner.podName !== "" && !isBeside(owner.ifName)) {
        socket.batch([tolerating(setLink(there.index, { group: TRASH_GROUP }), "ENODEV")]);
        this.#world.deleteSoon();
        return true;
      }
      using pod = where && openSocketIn(where);
      if (where !== undefined && pod === undefined) return false;
      detachPod({ pod, host: socket, ...namesOf(owner) });
      return true;
    } catch (error) {
      this.#leave(owner, error);
      return false;
    }
  }

  close(): void {
    this.#host.socket.close();
    this.#host.namespace.close();
  }

  #leave({ containerId, ifName }: LinkOwner, error: unknown): void {
    this.#world.logger.info({ containerId, ifName, err: error }, "a pod's link was left to its plugin");
  }
}

function openSocketIn({ netns, netnsInode }: PluginsNamespace): NetlinkSocket | undefined {
  using namespace = openSameNamespace(netns, netnsInode);
  return namespace && NetlinkSocket.open({ namespace });
}

function namesOf({ containerId, ifName, podNamespace, podName }: LinkOwner) {
  const pod = podName === "" ? undefined : { namespace: podNamespace, name: podName };
  return { containerId, ifName, hostName: podLinkName({ pod, containerId, ifName }) };
}
