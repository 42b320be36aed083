import { deleteAddress, dumpAddresses, replaceAddress } from "../../netlink/address.ts";
import { AF_INET, hostPrefix, parseIpAddress, parseIpPrefix } from "../../netlink/ip-address.ts";
import {
  createVeth,
  deleteLinkByName,
  deleteLinkGroup,
  dumpLinks,
  getLink,
  setLink,
} from "../../netlink/link.ts";
import { tolerating } from "../../netlink/message.ts";
import { NetworkNamespace } from "../../netlink/namespace.ts";
import { deleteNeighbour, setPermanentNeighbour } from "../../netlink/neighbour.ts";
import { deleteRoute, dumpRoutes, replaceRoute } from "../../netlink/route.ts";
import { deleteRule, dumpRules } from "../../netlink/rule.ts";
import { NetlinkSocket } from "../../netlink/socket.ts";
import type { SimConfig } from "../config.ts";
import { formatIpv4, parseBlock } from "../vpc/ipv4.ts";
import { closeRoad, openRoad, ROAD_PREFERENCES, switchRoad } from "./asymmetric-road.ts";
import type { Drops, Fabric, Plug } from "./fabric.ts";
import { allowAddresses, forbidAddresses, guardRuleset, readDrops } from "./guard.ts";
import { type Nft, systemNft } from "./nft.ts";
import { setSysctl } from "./sysctl.ts";

/** The link to the host outside the VPC. */
const outsideLink = "out";
/** The link by which the people and tests of this machine reach the VPC. Whoever starts vpc-sim makes it. */
export const managementLink = "mgmt";
/** Every link that the fabric makes is in this group, so that what a killed run left is found. */
const fabricLinkGroup = 3900;
/** All ends on the VPC's side share one address, as the hypervisors of the cloud do. */
const vpcMac = "fe:ee:00:00:00:01";

interface PluggedLink {
  readonly instanceId: string;
  /** Of a machine's first network interface, which it was born with. */
  readonly primary: boolean;
  readonly mac: string;
  readonly index: number;
  readonly addresses: Set<string>;
}

/**
 * The network of the cloud in the namespace that this process runs in, which is the VPC's router: the far end of every network
 * interface is a link here, each address of one is a route to it with a permanent neighbour, proxy ARP answers as the
 * hypervisor does, and a set of (link, source) says what may enter. The link of a network interface has its id for a name.
 */
export class KernelFabric implements Fabric {
  readonly #socket: NetlinkSocket;
  readonly #nft: Nft;
  readonly #links = new Map<string, PluggedLink>();
  /** Machines of links that are gone, whose drops can still be read. */
  readonly #formerInstances = new Map<string, string>();
  /** The VPC's own blocks. */
  readonly #blocks: readonly string[];

  private constructor(socket: NetlinkSocket, nft: Nft, blocks: readonly string[]) {
    this.#socket = socket;
    this.#nft = nft;
    this.#blocks = blocks;
  }

  /**
   * Makes the namespace the VPC's router. What an earlier run left in it is removed; the management link stays.
   *
   * @throws Error where this process may not: it has to be root in a namespace of its own
   */
  static async start(config: SimConfig, nft: Nft = systemNft): Promise<KernelFabric> {
    const fabric = new KernelFabric(
      NetlinkSocket.open(),
      nft,
      config.vpcs.map(({ cidr }) => cidr),
    );
    try {
      fabric.#refuseNamespaceInUse();
      fabric.#clear();
      fabric.#becomeRouter(config);
      const trusted = config.outside === undefined ? [managementLink] : [managementLink, outsideLink];
      await nft.apply(guardRuleset(trusted));
      fabric.#connectOutside(config);
      await fabric.setAsymmetricOutside(config.asymmetricOutside);
      return fabric;
    } catch (error) {
      fabric.close();
      throw error;
    }
  }

  async plug({ eniId, instanceId, mac, netns, device }: Plug): Promise<void> {
    using namespace = NetworkNamespace.open(netns);
    const name = device ?? firstFreeDevice(namespace);
    const veth = {
      name: eniId,
      mac: vpcMac,
      group: fabricLinkGroup,
      peer: { name, mac, netnsFd: namespace.fd },
    };
    this.#socket.batch([createVeth(veth)]);
    const index = this.#bringUp(eniId);
    this.#links.set(eniId, {
      instanceId,
      primary: device !== undefined,
      mac,
      index,
      addresses: new Set(),
    });
    this.#formerInstances.delete(eniId);
  }

  async unplug(eniId: string): Promise<void> {
    const link = this.#links.get(eniId);
    if (link !== undefined) {
      this.#links.delete(eniId);
      const primary = this.#primaryBeside(link);
      if (primary !== undefined) {
        const addresses = [...link.addresses].map(parseIpAddress);
        this.#socket.batch(addresses.flatMap((address) => closeRoad(primary.index, address)));
      }
      this.#formerInstances.set(eniId, link.instanceId);
      if (link.addresses.size > 0) {
        await this.#nft.apply(forbidAddresses(eniId, [...link.addresses]));
      }
    }
    // Gone already when the machine's namespace died; its routes and neighbours went with it. There without a record when plugging it
    // in failed half-way.
    this.#socket.batch([tolerating(deleteLinkByName(eniId), "ENODEV")]);
  }

  async assign(eniId: string, addresses: readonly string[]): Promise<void> {
    const link = this.#pluggedLink(eniId);
    const { index, mac, addresses: assigned } = link;
    const primary = this.#primaryBeside(link);
    this.#socket.batch(
      addresses.flatMap((text) => {
        const address = parseIpAddress(text);
        return [
          setPermanentNeighbour({ index, address, mac }),
          replaceRoute({ destination: hostPrefix(address), index }),
          ...(primary === undefined ? [] : openRoad(primary, address)),
        ];
      }),
    );
    await this.#nft.apply(allowAddresses(eniId, addresses));
    for (const address of addresses) {
      assigned.add(address);
    }
  }

  async unassign(eniId: string, addresses: readonly string[]): Promise<void> {
    const link = this.#pluggedLink(eniId);
    const { index, addresses: assigned } = link;
    const primary = this.#primaryBeside(link);
    const known = addresses.filter((address) => assigned.delete(address));
    if (known.length === 0) {
      return;
    }
    await this.#nft.apply(forbidAddresses(eniId, known));
    this.#socket.batch(
      known.flatMap((text) => {
        const address = parseIpAddress(text);
        return [
          tolerating(deleteRoute({ destination: hostPrefix(address), index }), "ESRCH", "ENODEV"),
          tolerating(deleteNeighbour({ index, address }), "ENOENT", "ENODEV"),
          ...(primary === undefined ? [] : closeRoad(primary.index, address)),
        ];
      }),
    );
  }

  async setAsymmetricOutside(on: boolean): Promise<void> {
    this.#socket.batch(switchRoad(on, this.#blocks));
  }

  async drops(): Promise<Drops> {
    const { total, bySource } = readDrops(await this.#nft.list());
    return {
      total,
      bySource: bySource.map((drop) => {
        const instanceId = this.#links.get(drop.link)?.instanceId ?? this.#formerInstances.get(drop.link);
        return instanceId === undefined ? drop : { ...drop, eniId: drop.link, instanceId };
      }),
    };
  }

  /** Leaves the network as it is: the next start clears it. */
  close(): void {
    this.#socket.close();
  }

  #pluggedLink(eniId: string): PluggedLink {
    const link = this.#links.get(eniId);
    if (link === undefined) {
      throw new Error(`The network interface ${eniId} has no link.`);
    }
    return link;
  }

  /** The primary link of the machine that has this secondary one. */
  #primaryBeside(link: PluggedLink): PluggedLink | undefined {
    if (link.primary) return undefined;
    return [...this.#links.values()].find((it) => it.primary && it.instanceId === link.instanceId);
  }

  /** Taking over clears the loopback, IPv6 and routes: where somebody else's link is up, nobody can have meant this namespace. */
  #refuseNamespaceInUse(): void {
    const ours = ["lo", managementLink];
    const other = this.#socket
      .dump(dumpLinks())
      .find((link) => link.up && link.group !== fabricLinkGroup && !ours.includes(link.name));
    if (other !== undefined) {
      throw new Error(
        `This network namespace is in use: its link ${other.name} is up. Start vpc-sim in one of its own (ip netns exec NAME vpc-sim …), or set fabric: false.`,
      );
    }
  }

  #clear(): void {
    this.#socket.batch([tolerating(deleteLinkGroup(fabricLinkGroup), "ENODEV")]);
    const loopback = this.#indexOf("lo");
    const stale = this.#socket
      .dump(dumpAddresses({ index: loopback, family: AF_INET }))
      .filter(({ prefix }) => prefix.address.bytes[0] !== 127)
      .map((address) => deleteAddress(address));
    const unreachable = this.#socket
      .dump(dumpRoutes({ table: 254 }))
      .filter(({ type }) => type === "unreachable")
      .map((route) => deleteRoute(route));
    this.#socket.batch([...stale, ...unreachable]);
    const rules = this.#socket
      .dump(dumpRules(AF_INET))
      .filter(({ priority }) => ROAD_PREFERENCES.includes(priority));
    this.#socket.batch(rules.map((rule) => deleteRule(rule)));
  }

  #becomeRouter(config: SimConfig): void {
    setSysctl(["ipv4", "ip_forward"], 1);
    const existing = this.#socket.dump(dumpLinks()).map((link) => link.name);
    for (const scope of ["all", "default", ...existing]) {
      setSysctl(["ipv4", "conf", scope, "rp_filter"], 0);
      setSysctl(["ipv4", "conf", scope, "send_redirects"], 0);
      setSysctl(["ipv6", "conf", scope, "disable_ipv6"], 1);
    }
    setSysctl(["ipv4", "conf", "default", "proxy_arp"], 1);

    const index = this.#indexOf("lo");
    const gateways = config.subnets.map((subnet) => formatIpv4((parseBlock(subnet.cidr)?.base ?? 0) + 1));
    this.#socket.batch([
      setLink(index, { up: true }),
      // A gateway is an address of this namespace: it is answered on every link, and can be pinged.
      ...[...gateways, config.api.listen.hostname].map((address) =>
        replaceAddress({ index, prefix: hostPrefix(parseIpAddress(address)) }),
      ),
      // An address that nobody has is not asked for outside, and gets no ARP answer.
      ...config.vpcs.map((vpc) =>
        replaceRoute({ destination: parseIpPrefix(vpc.cidr), type: "unreachable" }),
      ),
    ]);
  }

  #connectOutside({ outside }: SimConfig): void {
    if (outside === undefined) {
      return;
    }
    const host = parseIpAddress(outside.address);
    const gateway = parseIpAddress(outside.gateway);
    const everywhere = parseIpPrefix("0.0.0.0/0");
    using namespace = NetworkNamespace.open(outside.netns);
    const peer = { name: "eth0", netnsFd: namespace.fd };
    this.#socket.batch([createVeth({ name: outsideLink, mac: vpcMac, group: fabricLinkGroup, peer })]);
    const index = this.#bringUp(outsideLink);
    this.#socket.batch([
      replaceAddress({ index, prefix: { address: gateway, length: 24 } }),
      replaceRoute({ destination: everywhere, gateway: host, index }),
    ]);

    using socket = NetlinkSocket.open({ namespace });
    const far = socket.get(getLink({ name: peer.name }))?.index ?? 0;
    socket.batch([
      setLink(far, { up: true }),
      replaceAddress({ index: far, prefix: { address: host, length: 24 } }),
      replaceRoute({ destination: everywhere, gateway, index: far }),
    ]);
  }

  #bringUp(link: string): number {
    // Before the first packet: with the default of 800 ms the first ARP question of a machine waits for more than a second.
    setSysctl(["ipv4", "neigh", link, "proxy_delay"], 0);
    const index = this.#indexOf(link);
    this.#socket.batch([setLink(index, { up: true })]);
    return index;
  }

  #indexOf(name: string): number {
    const link = this.#socket.get(getLink({ name }));
    if (link === undefined) {
      throw new Error(`The link ${name} does not exist in the VPC's namespace.`);
    }
    return link.index;
  }
}

/** The name that a machine's kernel gives to the next network interface that is plugged in. */
function firstFreeDevice(namespace: NetworkNamespace): string {
  using socket = NetlinkSocket.open({ namespace });
  const taken = new Set(socket.dump(dumpLinks()).map((link) => link.name));
  let number = 1;
  while (taken.has(`eth${number}`)) {
    number++;
  }
  return `eth${number}`;
}
