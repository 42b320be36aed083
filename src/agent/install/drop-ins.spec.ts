import { afterEach, beforeEach, expect, it } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installDropIns, removeDropIns } from "./drop-ins.ts";

let etc: string;
beforeEach(() => {
  etc = mkdtempSync(join(tmpdir(), "tke-eni-etc-"));
});
afterEach(() => rmSync(etc, { recursive: true }));

function text(path: string): string {
  return readFileSync(join(etc, path), "utf8");
}

it("a host with neither daemon gets nothing", () => {
  expect(installDropIns(etc, ["20:90:6f:00:00:11"])).toEqual([]);
  expect(readdirSync(etc)).toEqual([]);
});

it("each daemon gets its own, again only when the ENIs have changed", () => {
  mkdirSync(join(etc, "systemd"));
  writeFileSync(join(etc, "systemd/networkd.conf"), "");
  mkdirSync(join(etc, "NetworkManager"));
  const macs = ["20:90:6f:00:00:12", "20:90:6f:00:00:11"];
  expect(installDropIns(etc, macs)).toHaveLength(4);
  expect(text("systemd/network/00-tke-eni-interfaces.network")).toEndWith(
    "[Match]\nMACAddress=20:90:6f:00:00:11 20:90:6f:00:00:12\n\n[Link]\nUnmanaged=yes\n",
  );
  expect(text("NetworkManager/conf.d/00-tke-eni.conf")).toEndWith(
    "match-device=interface-name:eni*,interface-name:gone*,mac:20:90:6f:00:00:11,mac:20:90:6f:00:00:12\nmanaged=0\n",
  );
  const written = statSync(join(etc, "NetworkManager/conf.d/00-tke-eni.conf")).mtimeMs;
  expect(installDropIns(etc, macs.toReversed())).toEqual([]);
  expect(statSync(join(etc, "NetworkManager/conf.d/00-tke-eni.conf")).mtimeMs).toBe(written);
  expect(installDropIns(etc, macs.slice(1))).toHaveLength(2);
});

it("without an ENI no file matches every link", () => {
  mkdirSync(join(etc, "systemd/network"), { recursive: true });
  installDropIns(etc, ["20:90:6f:00:00:11"]);
  installDropIns(etc, []);
  expect(existsSync(join(etc, "systemd/network/00-tke-eni-interfaces.network"))).toBe(false);
});

it("what was installed is taken away, and nothing else", () => {
  mkdirSync(join(etc, "systemd/network"), { recursive: true });
  writeFileSync(join(etc, "systemd/network/10-eth0.network"), "");
  installDropIns(etc, ["20:90:6f:00:00:11"]);
  expect(removeDropIns(etc)).toHaveLength(3);
  expect(readdirSync(join(etc, "systemd/network"))).toEqual(["10-eth0.network"]);
  expect(removeDropIns(etc)).toEqual([]);
});
