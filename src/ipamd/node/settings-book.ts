import type { NodeENIConfig } from "../../api/node-eni-config.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
import type { InterfaceLimit } from "../../cloud/cloud-vpc.ts";
import { type Node, nodeReference } from "../../kube/core-resources.ts";
import { type NodeSettings, readNodeSettings } from "../configuration/node-settings.ts";
import { publishedSettings } from "../configuration/published-settings.ts";
import { isHeld } from "../objects/is-held.ts";
import { isServedAddress } from "../objects/is-served-address.ts";
import type { Notices } from "../signals/notices.ts";
import { SettingNotices } from "../signals/setting-notices.ts";

/** Topic of what is told about the warm target of a node. */
const WARM_TARGET = "warm target";

export interface SettingsFacts {
  node: Node;
  config: NodeENIConfig;
  quota: InterfaceLimit;
  addresses: readonly VpcIP[];
  subnetIds: readonly string[];
}

/** What people set for each node, the last good values in place of wrong ones; wrong ones are told. */
export class SettingsBook {
  readonly #notices: Notices;
  readonly #defaults: { warm: NodeSettings["warm"] };
  readonly #inForce = new Map<string, NodeSettings>();
  readonly #settings: SettingNotices;

  constructor(notices: Notices, defaults: { warm: NodeSettings["warm"] }) {
    this.#notices = notices;
    this.#settings = new SettingNotices(notices);
    this.#defaults = defaults;
  }

  read({ node, config, quota, addresses, subnetIds }: SettingsFacts): NodeSettings {
    const { name } = node.metadata;
    const before = this.#inForce.get(name) ?? publishedSettings(config.status);
    const { settings, problems } = readNodeSettings(
      { config, node, defaults: this.#defaults, quota, inUse: inUseOf(addresses), subnets: subnetIds },
      before,
    );
    this.#inForce.set(name, settings);
    this.#settings.show(nodeReference(name), problems);
    this.#tellWarmTarget(name, { before, settings });
    return settings;
  }

  forget(node: string): void {
    const about = nodeReference(node);
    this.#settings.show(about, []);
    this.#notices.over(WARM_TARGET, about);
    this.#inForce.delete(node);
  }

  #tellWarmTarget(
    node: string,
    { before, settings }: { before: NodeSettings | undefined; settings: NodeSettings },
  ): void {
    const { warm } = settings.accepted;
    const about = nodeReference(node);
    if (warm === undefined) this.#notices.over(WARM_TARGET, about);
    if (warm === undefined || before === undefined || Bun.deepEquals(warm, before.warm)) return;
    this.#notices.tell(WARM_TARGET, {
      about,
      type: "Normal",
      reason: "SucceedSetRouteENIWarmTarget",
      message: `the node keeps ${warm.min} to ${warm.max} addresses ready beyond its pods`,
    });
  }
}

function inUseOf(addresses: readonly VpcIP[]): { enis: number; mostPerEni: number; total: number } {
  const held = addresses.filter((vip) => isServedAddress(vip) && isHeld(vip));
  const perEni = [...Map.groupBy(held, (vip) => vip.spec.eniID).values()].map((list) => list.length);
  return { enis: perEni.length, mostPerEni: Math.max(0, ...perEni), total: held.length };
}
