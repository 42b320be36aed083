import { rmSync } from "node:fs";
import { PodLinks } from "../../src/agent/links/pod-links.ts";
import { PODS_TABLE, TRASH_GROUP } from "../../src/api/data-path.ts";
import { parseIpAddress } from "../../src/netlink/ip-address.ts";
import { deleteLinkGroup } from "../../src/netlink/link.ts";
import { tolerating } from "../../src/netlink/message.ts";
import { NetworkNamespace } from "../../src/netlink/namespace.ts";
import { NetlinkSocket } from "../../src/netlink/socket.ts";
import type { DescribedLink } from "../../src/pod-link/pod-network.ts";
import type { ThrowAwayNamespace } from "./throw-away-namespaces.ts";

const SERVICE = "/tke.eni.agent.v1.AddressService/";

interface FakeAttachment {
  readonly containerId: string;
  readonly ifName: string;
  readonly podNamespace?: string;
  readonly podName?: string;
  readonly podUid?: string;
}

export interface RecordedCall {
  readonly method: string;
  readonly headers: Headers;
  readonly request: {
    readonly attachment: FakeAttachment;
    readonly netns?: string;
    readonly network?: string;
    readonly link?: number;
    readonly device?: string;
    readonly makeLink?: boolean;
    readonly takeLink?: boolean;
    readonly netnsInode?: string;
    readonly linkMtu?: number;
    readonly valid?: readonly FakeAttachment[];
  };
}

interface Holding {
  readonly attachment: FakeAttachment;
  readonly network: string;
  readonly number: number;
}

const NODE_ADDRESS = "10.0.1.11";
const GROUP = 4003;
const MTU = 1500;

/**
 * Answers the plugins as an agent with one ENI does: the next address of 10.0.16.0/24 to each new attachment. It leaves their links to them, as an
 * older agent does, unless `makeLinks` is called.
 */
export class FakeAddressService {
  readonly socket: string;
  readonly calls: RecordedCall[] = [];
  /** While set, every call is answered with this error of the Connect protocol. */
  failure: { readonly status: number; readonly body: object } | undefined;
  /** What it says after it has done what Allocate asks; undefined: what it has done. */
  nonsense: string | undefined;
  /** What it says of each attachment that it is asked about. */
  problems: readonly string[] = [];
  /** Families of which it gives an address. */
  families: readonly (4 | 6)[] = [4];
  readonly #holdings = new Map<string, Holding>();
  #next = 5;
  #links: PodLinks | undefined;
  #host: NetlinkSocket | undefined;
  /** Links of which it has said that nothing is left to do, made and taken. */
  readonly linksDone = { made: 0, taken: 0 };
  #server: Bun.Server<undefined> | undefined;

  constructor(socket: string) {
    this.socket = socket;
  }

  start(): void {
    this.#server = Bun.serve({ unix: this.socket, fetch: (request) => this.#answer(request) });
  }

  /** Has it make and take links in this host, by the agent's own code. */
  makeLinks(host: ThrowAwayNamespace): void {
    const ignore = () => {};
    this.#host = NetlinkSocket.open({ namespace: host.path });
    const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
    this.#links = new PodLinks(
      { logger, deleteSoon: ignore, made: ignore },
      {
        socket: NetlinkSocket.open({ namespace: host.path }),
        namespace: NetworkNamespace.open(host.path),
      },
    );
  }

  /** Deletes what it has taken away, as an agent does before long. */
  deleteLinks(): void {
    this.#host?.batch([tolerating(deleteLinkGroup(TRASH_GROUP), "ENODEV")]);
  }

  /** For good. */
  async end(): Promise<void> {
    await this.stop();
    this.#links?.close();
    this.#host?.close();
    this.#links = undefined;
    this.#host = undefined;
  }

  async stop(): Promise<void> {
    await this.#server?.stop(true);
    this.#server = undefined;
    rmSync(this.socket, { force: true });
  }

  /** Addresses that attachments hold, by `CONTAINER/IFNAME`. */
  get held(): ReadonlyMap<string, string> {
    return new Map([...this.#holdings].map(([key, { number }]) => [key, `10.0.16.${number}`]));
  }

  async #answer(request: Request): Promise<Response> {
    const method = new URL(request.url).pathname.slice(SERVICE.length);
    const body = (await request.json()) as RecordedCall["request"];
    this.calls.push({ method, headers: request.headers, request: body });
    if (this.failure !== undefined) return Response.json(this.failure.body, { status: this.failure.status });
    switch (method) {
      case "Status":
        return Response.json({});
      case "CollectGarbage":
        return Response.json({ collected: this.#collect(body) });
      case "Check": {
        const holding = this.#holdings.get(keyOf(body.attachment));
        return holding === undefined
          ? Response.json({ code: "not_found", message: "it has no address on this node" }, { status: 404 })
          : Response.json({ allocated: this.#allocated(holding), problems: this.problems });
      }
      case "Release": {
        const holding = this.#holdings.get(keyOf(body.attachment));
        this.#holdings.delete(keyOf(body.attachment));
        const addresses = holding === undefined ? [] : [`10.0.16.${holding.number}`];
        return Response.json({ addresses, linkTaken: this.#takeLink(body) });
      }
      default: {
        const holding = this.#allocate(body);
        const answer = { ...this.#allocated(holding), ...this.#makeLink(body, holding) };
        return this.nonsense === undefined ? Response.json(answer) : new Response(this.nonsense);
      }
    }
  }

  #makeLink(
    { attachment, makeLink, netns = "", netnsInode = "", linkMtu = 0 }: RecordedCall["request"],
    { number }: Holding,
  ): { link?: object } {
    if (!makeLink || this.families.includes(6)) return {};
    const addresses = [
      { address: parseIpAddress(`10.0.16.${number}`), nodeAddress: parseIpAddress(NODE_ADDRESS) },
    ];
    const allocation = { addresses, group: GROUP, podsTable: PODS_TABLE, mtu: linkMtu || MTU };
    const link = this.#links?.make(ownerOf(attachment), { netns, netnsInode, allocation });
    if (link === undefined) return {};
    this.linksDone.made++;
    return { link: described(link) };
  }

  #takeLink({ attachment, takeLink, netns = "", netnsInode = "" }: RecordedCall["request"]): boolean {
    if (!takeLink) return false;
    const where = netnsInode === "" ? undefined : { netns, netnsInode };
    const taken = this.#links?.take(ownerOf(attachment), where) ?? false;
    if (taken) this.linksDone.taken++;
    return taken;
  }

  #allocate({ attachment, network = "" }: RecordedCall["request"]): Holding {
    const key = keyOf(attachment);
    const holding = this.#holdings.get(key) ?? { attachment, network, number: this.#next++ };
    this.#holdings.set(key, holding);
    return holding;
  }

  #collect({ network, valid = [] }: RecordedCall["request"]): FakeAttachment[] {
    const stays = new Set(valid.map(keyOf));
    const gone = [...this.#holdings].filter(
      ([key, holding]) => holding.network === network && !stays.has(key),
    );
    for (const [key] of gone) this.#holdings.delete(key);
    return gone.map(([, { attachment }]) => attachment);
  }

  #allocated({ number }: Holding) {
    const eni = { eniId: "eni-1", eniMac: "02:00:00:00:00:aa" };
    const addresses = {
      4: { address: `10.0.16.${number}`, nodeAddress: NODE_ADDRESS, ...eni },
      6: { address: `fd00:16::${number}`, ...eni },
    };
    return {
      addresses: this.families.map((it) => addresses[it]),
      group: GROUP,
      podsTable: PODS_TABLE,
      mtu: MTU,
    };
  }
}

function ownerOf({ containerId, ifName, podNamespace = "", podName = "" }: FakeAttachment) {
  return { containerId, ifName, podNamespace, podName };
}

function described({ host, pod }: DescribedLink): object {
  return { hostName: host.name, hostMac: host.mac, podMac: pod.mac };
}

function keyOf({ containerId, ifName }: FakeAttachment): string {
  return `${containerId}/${ifName}`;
}
