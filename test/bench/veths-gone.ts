import { dumpLinks } from "../../src/netlink/link.ts";
import { NetlinkSocket } from "../../src/netlink/socket.ts";

const GIVE_UP_MS = 10_000;

/**
 * Waits until no pod's veth is left in a node's namespace.
 *
 * @param keep names of the links that are no pods'
 * @returns how long that took, ms
 */
export async function vethsGone(namespace: string, keep: (name: string) => boolean): Promise<number> {
  const began = performance.now();
  using socket = NetlinkSocket.open({ namespace });
  for (;;) {
    const left = socket.dump(dumpLinks()).filter(({ kind, name }) => kind === "veth" && !keep(name));
    const took = performance.now() - began;
    if (left.length === 0) return took;
    if (took > GIVE_UP_MS) throw new Error(`${left.length} links of deleted pods are there after ${took} ms`);
    await Bun.sleep(5);
  }
}
