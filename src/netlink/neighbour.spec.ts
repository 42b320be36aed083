import { describe, expect, test } from "bun:test";
import { parseIpAddress } from "./ip-address.ts";
import { splitMessages } from "./message.ts";
import { deleteNeighbour, parseNeighbour, setPermanentNeighbour } from "./neighbour.ts";

const NEIGHBOUR = { index: 1000, address: parseIpAddress("169.254.1.1"), mac: "02:00:00:00:00:02" };

describe("the bytes of", () => {
  test("ip neighbour replace 169.254.1.1 lladdr 02:00:00:00:00:02 nud permanent dev eth0", () => {
    expect(Buffer.from(setPermanentNeighbour(NEIGHBOUR).bytes).toString("hex")).toBe(
      "300000001c000105000000000000000002000000e80300008000000008000100a9fe01010a0002000200000000020000",
    );
  });

  test("ip neighbour del 169.254.1.1 dev eth0", () => {
    expect(Buffer.from(deleteNeighbour(NEIGHBOUR).bytes).toString("hex")).toBe(
      "240000001d000100000000000000000002000000e80300000000000008000100a9fe0101",
    );
  });
});

test("parseNeighbour() reads back what setPermanentNeighbour() writes", () => {
  expect(splitMessages(setPermanentNeighbour(NEIGHBOUR).bytes).map(parseNeighbour)).toEqual([
    { ...NEIGHBOUR, permanent: true },
  ]);
});
