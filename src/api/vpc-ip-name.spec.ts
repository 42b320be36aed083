import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { ipBytes, ipFamily, ipText } from "./ip-text.ts";
import { VPC_IP } from "./vpc-ip.ts";
import { addressOfVpcIp, VpcIpNameError, vpcIpName } from "./vpc-ip-name.ts";

const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
/** Zeros are what spellings differ in. */
const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
const ipv6 = fc
  .array(group, { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((g) => [g >> 8, g & 0xff])));
const address = fc.oneof(ipv4, ipv6);

/** An IPv6 address in any of its spellings: capitals, leading zeros, a run of zeros as "::", the end as IPv4. */
const spelled = fc
  .tuple(ipv6, fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), fc.nat(7), fc.nat(8), fc.boolean())
  .map(([bytes, padded, from, length, dotted]) => {
    const groups = Array.from({ length: 8 }, (_, at) => {
      const hex = (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16);
      return padded[at] ? hex.padStart(4, "0").toUpperCase() : hex;
    });
    const isZero = (at: number) => Number.parseInt(groups[at] ?? "", 16) === 0;
    let to = from;
    while (to < Math.min(8, from + length) && isZero(to)) to++;
    const tail = groups.slice(to);
    if (dotted && tail.length >= 2) tail.splice(-2, 2, bytes.subarray(12).join("."));
    const text =
      to > from
        ? `${groups.slice(0, from).join(":")}::${tail.join(":")}`
        : [...groups.slice(0, to), ...tail].join(":");
    return { bytes, text };
  });

const DNS_1123 = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

describe("vpcIpName() and addressOfVpcIp()", () => {
  it("lead each address of both families to its name and back", () => {
    fc.assert(
      fc.property(address, (bytes) => {
        const text = ipText(bytes);
        expect(addressOfVpcIp(vpcIpName(text))).toBe(text);
        expect(vpcIpName(addressOfVpcIp(vpcIpName(text)))).toBe(vpcIpName(text));
        expect(ipBytes(text)).toEqual(bytes);
        expect(ipFamily(text)).toBe(bytes.length === 4 ? 4 : 6);
      }),
      { numRuns: 2000 },
    );
  });

  it("give names that the API server takes and that no two addresses share", () => {
    const [rule] = VPC_IP.rules;
    const admitted = new RegExp(/matches\('([^']+)'\)/.exec(rule.rule)?.[1] ?? "no pattern");
    fc.assert(
      fc.property(address, address, (a, b) => {
        const [name, other] = [vpcIpName(ipText(a)), vpcIpName(ipText(b))];
        expect(name).toMatch(DNS_1123);
        expect(name.length).toBeLessThanOrEqual(63);
        expect(admitted.test(name)).toBe(a.length === 16);
        expect(name === other).toBe(Buffer.compare(a, b) === 0);
      }),
      { numRuns: 2000 },
    );
  });

  it("give two spellings of one address one name, and one text inside", () => {
    fc.assert(
      fc.property(spelled, ({ bytes, text }) => {
        expect(vpcIpName(text)).toBe(vpcIpName(ipText(bytes)));
        expect(addressOfVpcIp(vpcIpName(text))).toBe(ipText(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["10.0.16.5", "10.0.16.5", "10.0.16.5"],
    ["2001:DB8::5", "2001-0db8-0000-0000-0000-0000-0000-0005", "2001:db8::5"],
    ["::", "0000-0000-0000-0000-0000-0000-0000-0000", "::"],
    ["fd00:0:0:1::10.0.16.5", "fd00-0000-0000-0001-0000-0000-0a00-1005", "fd00::1:0:0:a00:1005"],
    // RFC 5952, 4.2: one group is not shortened, of two runs the longer goes, of equal ones the first.
    ["1:0:2:3:4:5:6:7", "0001-0000-0002-0003-0004-0005-0006-0007", "1:0:2:3:4:5:6:7"],
    ["1:0:0:2:0:0:3:4", "0001-0000-0000-0002-0000-0000-0003-0004", "1::2:0:0:3:4"],
  ])("%s is %s, and inside %s", (text, name, inside) => {
    expect(vpcIpName(text)).toBe(name);
    expect(addressOfVpcIp(name)).toBe(inside);
  });

  it.each([
    "",
    "2001:db8::5",
    "2001-db8-0-0-0-0-0-5",
    "2001-0DB8-0000-0000-0000-0000-0000-0005",
    "2001-0db8-0000-0000-0000-0000-0000-0005-",
    "10-0-16-5",
    "10.0.16.05",
    "my-address",
  ])("%p is no name, which the error says with the text", (name) => {
    const error = fault(() => addressOfVpcIp(name));
    expect(error).toBeInstanceOf(VpcIpNameError);
    expect(error).toMatchObject({ value: name, message: expect.stringContaining(`"${name}"`) });
  });

  it.each([
    "",
    "10.0.16.0/24",
    "10.0.16",
    "1::2::3",
    "2001-0db8-0000-0000-0000-0000-0000-0005",
    "fe80::1%eth0",
  ])("%p is no address, which the error says with the text", (text) => {
    const error = fault(() => vpcIpName(text));
    expect(error).toBeInstanceOf(VpcIpNameError);
    expect(error).toMatchObject({ value: text, message: expect.stringContaining(`"${text}"`) });
  });
});

function fault(act: () => unknown): unknown {
  try {
    act();
    return undefined;
  } catch (error) {
    return error;
  }
}
