import { afterAll, beforeAll, expect, test } from "bun:test";
import { Conntrack } from "../../src/agent/conntrack/conntrack.ts";
import { NetworkNamespace } from "../../src/netlink/namespace.ts";
import { type ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

const namespaces = new ThrowAwayNamespaces("tkct");
let node: ThrowAwayNamespace;
let conntrack: Conntrack;

beforeAll(() => {
  node = namespaces.make("node");
  using namespace = NetworkNamespace.open(node.path);
  conntrack = namespace.run(() => new Conntrack());
});

afterAll(() => {
  conntrack.close();
  namespaces.removeAll();
});

function track(from: string, to: string, ...translation: string[]): void {
  node.run(
    ..."conntrack -I -p udp --sport 1000 --dport 53 -t 300 -s".split(" "),
    from,
    "-d",
    to,
    ...translation,
  );
}

/** `SOURCE>DESTINATION` of what is tracked, as its beginner sees it. */
function tracked(...options: string[]): string[] {
  const lines = node
    .run("conntrack", "-L", "-o", "extended", ...options)
    .trim()
    .split("\n");
  return lines
    .flatMap((line) => {
      const found = /src=(\S+) dst=(\S+)/.exec(line);
      return found ? [`${found[1]}>${found[2]}`] : [];
    })
    .toSorted();
}

test("forget() deletes an address's connections in both directions, translated ones too, and no others", () => {
  track("10.0.16.5", "192.0.2.1");
  track("192.0.2.7", "10.0.16.5");
  track("192.0.2.9", "10.0.1.11", "-g", "10.0.16.5");
  const others: [string, string, ...string[]][] = [
    ["10.0.16.6", "192.0.2.1"],
    ["192.0.2.8", "10.0.1.11", "-g", "10.0.16.6"],
  ];
  for (const other of others) track(...other);
  expect(tracked()).toHaveLength(5);
  conntrack.forget("10.0.16.5");
  expect(tracked()).toEqual(["10.0.16.6>192.0.2.1", "192.0.2.8>10.0.1.11"]);
});

test("forget() refuses an IPv6 address, by which the kernel would delete all others' connections", () => {
  track("2001:db8::5", "2001:db8:1::1");
  track("2001:db8::6", "2001:db8:1::1");
  const tracked6 = () => tracked("-f", "ipv6");
  const before = ["2001:db8::5>2001:db8:1::1", "2001:db8::6>2001:db8:1::1"];
  expect(tracked6()).toEqual(before);
  expect(() => conntrack.forget("2001:db8::5")).toThrow(/connections of 2001:db8::5 cannot be deleted/);
  expect(tracked6()).toEqual(before);
});

test("forget() of an address without connections is a success", () => {
  conntrack.forget("10.0.16.99");
});
