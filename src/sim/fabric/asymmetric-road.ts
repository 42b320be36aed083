import { AF_INET, hostPrefix, type IpAddress, parseIpPrefix } from "../../netlink/ip-address.ts";
import { type NetlinkMessage, tolerating } from "../../netlink/message.ts";
import { deleteNeighbour, setPermanentNeighbour } from "../../netlink/neighbour.ts";
import { deleteRoute, replaceRoute, TABLE_MAIN } from "../../netlink/route.ts";
import { addRule, deleteRule, type Rule } from "../../netlink/rule.ts";

/** Where addresses of secondary network interfaces are behind the primary link of their machine. */
const ROAD_TABLE = 3900;
/** Preferences of the rules that lead there; none of the kernel's own. */
export const ROAD_PREFERENCES: readonly number[] = [3900, 3901];

/** Lets an address be reached by its machine's primary link as well, by those who take that road. */
export function openRoad(
  primary: { readonly index: number; readonly mac: string },
  address: IpAddress,
): NetlinkMessage[] {
  const { index, mac } = primary;
  return [
    setPermanentNeighbour({ index, address, mac }),
    replaceRoute({ destination: hostPrefix(address), index, table: ROAD_TABLE }),
  ];
}

/** The reverse of `openRoad`; no error where the link died, and the road with it. */
export function closeRoad(index: number, address: IpAddress): NetlinkMessage[] {
  const route = { destination: hostPrefix(address), index, table: ROAD_TABLE };
  return [
    tolerating(deleteRoute(route), "ESRCH", "ENODEV"),
    tolerating(deleteNeighbour({ index, address }), "ENOENT", "ENODEV"),
  ];
}

/** Sends whoever is not of these blocks by that road, or nobody. */
export function switchRoad(on: boolean, blocks: readonly string[]): NetlinkMessage[] {
  const [fromInside = 0, fromOutside = 0] = ROAD_PREFERENCES;
  const rules: Rule[] = [
    ...blocks.map((block): Rule => {
      const from = parseIpPrefix(block);
      return { family: AF_INET, priority: fromInside, from, table: TABLE_MAIN };
    }),
    { family: AF_INET, priority: fromOutside, table: ROAD_TABLE },
  ];
  return on
    ? rules.map((rule) => tolerating(addRule(rule), "EEXIST"))
    : // In reverse: without the first rules all would take the road.
      rules.toReversed().map((rule) => tolerating(deleteRule(rule), "ENOENT"));
}
