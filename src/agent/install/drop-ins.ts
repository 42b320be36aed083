import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeIfChanged } from "./write-if-changed.ts";

/** A file below the host's /etc, and what must be there for it to be of use. */
interface DropIn {
  readonly path: string;
  readonly daemon: readonly string[];
  readonly content: string;
}

const NETWORKD = ["systemd/networkd.conf", "systemd/network"];
const NETWORK_MANAGER = ["NetworkManager"];
const MODE = 0o644;
const HEADER =
  "# Written by tke-eni-agent: the links, routes and rules of pods and their ENIs are its own.\n";
/** Host ends of pods' veths, and those that a CNI DEL has retired. */
const POD_LINKS = ["eni*", "gone*"];

/**
 * What keeps the host's own network daemons away from our links. Both would ask for addresses on an ENI by DHCP, which brings a second
 * default route; and systemd-networkd may delete rules and routes that no file of its own has (networkd.conf(5)).
 *
 * @param macs of this node's ENIs, which have names of the host's choosing
 */
function dropIns(macs: readonly string[]): DropIn[] {
  const sorted = macs.toSorted();
  return [
    {
      // Of all .network files that fit a link, the first by name counts.
      path: "systemd/network/00-tke-eni-pods.network",
      daemon: NETWORKD,
      content: `${HEADER}[Match]\nName=${POD_LINKS.join(" ")}\n\n[Link]\nUnmanaged=yes\n`,
    },
    {
      path: "systemd/network/00-tke-eni-interfaces.network",
      daemon: NETWORKD,
      // Without a match the file would be about every link.
      content:
        sorted.length === 0
          ? ""
          : `${HEADER}[Match]\nMACAddress=${sorted.join(" ")}\n\n[Link]\nUnmanaged=yes\n`,
    },
    {
      path: "systemd/networkd.conf.d/00-tke-eni.conf",
      daemon: NETWORKD,
      content: `${HEADER}[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n`,
    },
    {
      path: "NetworkManager/conf.d/00-tke-eni.conf",
      daemon: NETWORK_MANAGER,
      content: `${HEADER}[device-tke-eni]\nmatch-device=${[
        ...POD_LINKS.map((name) => `interface-name:${name}`),
        ...sorted.map((mac) => `mac:${mac}`),
      ].join(",")}\nmanaged=0\n`,
    },
  ];
}

/**
 * Writes the drop-ins of the daemons that the host has, each in one step and only if it differs.
 *
 * @param etc the host's /etc
 * @returns files that were written or removed
 * @throws when the disk does not take one
 */
export function installDropIns(etc: string, macs: readonly string[]): string[] {
  return dropIns(macs).flatMap(({ path, daemon, content }) => {
    const target = join(etc, path);
    if (!daemon.some((file) => existsSync(join(etc, file)))) return [];
    if (content === "") return remove(target) ? [target] : [];
    return writeIfChanged(target, content, MODE) ? [target] : [];
  });
}

/** Takes away what an agent has written there. @returns files that were removed */
export function removeDropIns(etc: string): string[] {
  return dropIns([])
    .map(({ path }) => join(etc, path))
    .filter(remove);
}

function remove(path: string): boolean {
  if (!existsSync(path)) return false;
  rmSync(path);
  return true;
}
