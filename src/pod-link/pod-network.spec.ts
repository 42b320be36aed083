import { describe, expect, test } from "bun:test";
import { parseIpAddress } from "../netlink/ip-address.ts";
import { createPodLink, hostMessages, podMessages, retireHostEnd, retirePodEnd } from "./pod-network.ts";

const LINK = {
  pod: { name: "eth0", index: 1000, mac: "02:00:00:00:00:01" },
  host: { name: "eni123", index: 2000, mac: "02:00:00:00:00:02" },
};
const ALLOCATION = {
  addresses: [{ address: parseIpAddress("10.0.16.5"), nodeAddress: parseIpAddress("10.0.1.11") }],
  group: 4003,
  podsTable: 512,
  mtu: 1500,
};

function acts(messages: readonly { act: string }[]): string[] {
  return messages.map(({ act }) => act);
}

describe("an ADD", () => {
  test("makes the link", () => {
    const { act, tolerate } = createPodLink(LINK, { group: 4003, mtu: 1500, hostNamespaceFd: 9 });
    expect(act).toBe("create veth eth0 with peer eni123");
    expect(tolerate).toBeUndefined();
  });

  test("sets up the pod's end, whatever of it is there already", () => {
    const messages = podMessages(LINK, ALLOCATION);
    expect(acts(messages)).toEqual([
      "add address 10.0.16.5/32 on link 1000",
      "add route 169.254.1.1/32 by link 1000 in table 254",
      "add route 0.0.0.0/0 by link 1000 in table 254",
      "set neighbour 169.254.1.1 at 02:00:00:00:00:02 on link 1000",
    ]);
    for (const { tolerate } of messages) expect(tolerate).toEqual(["EEXIST"]);
  });

  test("has IPv6 in the same way, and spares the host the question for the pod's MAC", () => {
    const addresses = [
      ...ALLOCATION.addresses,
      { address: parseIpAddress("fd00::5"), nodeAddress: undefined },
    ];
    const dual = { ...ALLOCATION, addresses };
    expect(acts(podMessages(LINK, dual)).filter((act) => act.includes("::"))).toEqual([
      "add address fd00::5/128 on link 1000",
      "add route fe80::1/128 by link 1000 in table 254",
      "add route ::/0 by link 1000 in table 254",
      "set neighbour fe80::1 at 02:00:00:00:00:02 on link 1000",
    ]);
    expect(acts(hostMessages(LINK, dual, { containerId: "c1" })).slice(1)).toEqual([
      "set route 10.0.16.5/32 by link 2000 in table 512",
      "set route fd00::5/128 by link 2000 in table 512",
      "set neighbour fd00::5 at 02:00:00:00:00:01 on link 2000",
    ]);
  });

  test("gives an interface beside eth0 a table of its own for what it sends itself", () => {
    const link = { ...LINK, pod: { ...LINK.pod, name: "net1" } };
    expect(acts(podMessages(link, ALLOCATION)).slice(-2)).toEqual([
      "add route 0.0.0.0/0 by link 1000 in table 1000",
      "add rule 1024 from 10.0.16.5/32 lookup 1000",
    ]);
    expect(acts(retirePodEnd(link.pod)).slice(-2)).toEqual([
      "delete rule 1024 lookup 1000",
      "delete rule 1024 lookup 1000",
    ]);
  });

  test("sets up the host's end, its owner's name first", () => {
    expect(acts(hostMessages(LINK, ALLOCATION, { containerId: "c1" }))).toEqual([
      'set link 2000 {"alias":"c1","rpFilter":1,"proxyArp":1,"up":true}',
      "set route 10.0.16.5/32 by link 2000 in table 512",
    ]);
  });
});

test("a DEL takes a link down before it renames it, and passes over one that died meanwhile", () => {
  expect(acts(retireHostEnd(2000))).toEqual([
    'set link 2000 {"up":false}',
    'set link 2000 {"name":"gone2000","group":3999,"up":false}',
  ]);
  expect(acts(retirePodEnd(LINK.pod))).toEqual([
    'set link 1000 {"up":false}',
    'set link 1000 {"name":"gone1000","up":false}',
  ]);
  for (const { tolerate } of [...retireHostEnd(2000), ...retirePodEnd(LINK.pod)])
    expect(tolerate).toEqual(["ENODEV"]);
});
