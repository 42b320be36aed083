import { afterEach, beforeEach, expect, it } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { keepSysctls, wantedSysctls } from "./keep-sysctls.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tke-eni-sysctl-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function has(key: string, value: string): void {
  mkdirSync(dirname(join(root, key)), { recursive: true });
  writeFileSync(join(root, key), `${value}\n`);
}

it("keepSysctls() sets what differs, says so, and leaves out what the kernel does not have", () => {
  has("net/ipv4/ip_forward", "0");
  has("net/ipv4/conf/eth1/rp_filter", "0");
  const wanted = [
    { key: "net/ipv4/ip_forward", value: "1" },
    { key: "net/ipv4/conf/eth1/rp_filter", value: "0" },
    { key: "net/ipv6/conf/eth1/disable_ipv6", value: "1" },
  ];
  expect(keepSysctls(wanted, root)).toEqual([{ key: "net/ipv4/ip_forward", value: "1", was: "0" }]);
  expect(readFileSync(join(root, "net/ipv4/ip_forward"), "utf8")).toBe("1");
  expect(keepSysctls(wanted, root)).toEqual([]);
});

it("wantedSysctls() never touches the rp_filter that links of pods are born with", () => {
  const keys = wantedSysctls("eth0", ["eth1"]).map(({ key }) => key);
  expect(keys).toContain("net/ipv4/conf/eth1/rp_filter");
  expect(keys).not.toContain("net/ipv4/conf/default/rp_filter");
});
