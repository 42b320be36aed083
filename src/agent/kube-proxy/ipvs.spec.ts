import { afterEach, beforeEach, expect, it } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ipvsSign } from "./ipvs.ts";

const HEADING = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
`;
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tke-eni-ipvs-"));
  mkdirSync(join(root, "proc/net"), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true }));

const ipVs = (text: string) => writeFileSync(join(root, "proc/net/ip_vs"), text);

it("ipvsSign() sees nothing where there is no IPVS, or nobody uses it", () => {
  expect(ipvsSign(root)).toBeUndefined();
  ipVs(HEADING);
  expect(ipvsSign(root)).toBeUndefined();
});

it("ipvsSign() sees virtual servers", () => {
  ipVs(`${HEADING}TCP  AC140001:01BB rr\n  -> 0A00010A:192B      Masq    1      0          0\n`);
  expect(ipvsSign(root)).toBe("IPVS has virtual servers");
});

it("ipvsSign() sees kube-proxy's link", () => {
  mkdirSync(join(root, "sys/class/net/kube-ipvs0"), { recursive: true });
  expect(ipvsSign(root)).toBe("there is a link kube-ipvs0");
});
