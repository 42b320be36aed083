import { describe, expect, test } from "bun:test";
import { addAddress, deleteAddress, dumpAddresses, parseAddress, replaceAddress } from "./address.ts";
import { formatIpPrefix, parseIpPrefix } from "./ip-address.ts";
import { splitMessages } from "./message.ts";

// Each golden message is what iproute2 6.1 sends for the command beside it, without its sequence number and ACK flag.
const GOLDEN = [
  {
    command: "ip address add 10.0.16.5/32 dev eth0",
    message: addAddress({ index: 1000, prefix: parseIpPrefix("10.0.16.5") }),
    bytes: "2800000014000106000000000000000002200000e8030000080002000a001005080001000a001005",
  },
  {
    command: "ip address add fd00::5/128 dev eth0 nodad",
    message: addAddress({ index: 1000, prefix: parseIpPrefix("fd00::5") }),
    bytes:
      "400000001400010600000000000000000a800200e803000014000200fd00000000000000000000000000000514000100fd000000000000000000000000000005",
  },
  {
    command: "ip address replace 10.0.16.6/24 dev eth0",
    message: replaceAddress({ index: 1000, prefix: parseIpPrefix("10.0.16.6/24") }),
    bytes: "2800000014000105000000000000000002180000e8030000080002000a001006080001000a001006",
  },
  {
    command: "ip address del 10.0.16.6/24 dev eth0",
    message: deleteAddress({ index: 1000, prefix: parseIpPrefix("10.0.16.6/24") }),
    bytes: "2800000015000100000000000000000002180000e8030000080002000a001006080001000a001006",
  },
];

describe("the bytes of", () => {
  test.each(GOLDEN)("$command", ({ message, bytes }) => {
    expect(Buffer.from(message.bytes).toString("hex")).toBe(bytes);
  });
});

describe("parseAddress()", () => {
  test.each(["10.0.16.5/32", "10.0.16.6/24", "fd00::5/128"])("reads back %s", (text) => {
    const { bytes } = addAddress({ index: 1000, prefix: parseIpPrefix(text), scope: "host" });
    const [address] = splitMessages(bytes).map(parseAddress);
    expect(address?.index).toBe(1000);
    expect(address?.scope).toBe("host");
    expect(address && formatIpPrefix(address.prefix)).toBe(text);
  });

  test("leaves out messages of other types", () => {
    expect(splitMessages(dumpAddresses().message.bytes).map(parseAddress)).toEqual([undefined]);
  });
});
