// The host's systemd-networkd, in a namespace with links as a node has them, and its own /etc/systemd.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installDropIns } from "../../src/agent/install/drop-ins.ts";
import { eventually } from "../../src/kube/testing/eventually.ts";
import { type ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

const NETWORKD = "/usr/lib/systemd/systemd-networkd";
const MAC = "20:90:6f:00:00:11";

const namespaces = new ThrowAwayNamespaces("tknd");
let folder: string;
let node: ThrowAwayNamespace;
let daemon: Bun.Subprocess<"ignore", "pipe", "pipe"> | undefined;
let said: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-networkd-"));
  mkdirSync(join(folder, "systemd/network"), { recursive: true });
  // As a distribution's catch-all.
  writeFileSync(
    join(folder, "systemd/network/80-all.network"),
    "[Match]\nName=e*\n\n[Network]\nDHCP=no\nAddress=192.0.2.7/24\n",
  );
  node = namespaces.make("node");
  for (const [name, mac] of [
    ["eth0", "20:90:6f:00:00:01"],
    ["eth1", MAC],
    ["eni0d7763386da", "02:00:00:00:00:02"],
  ] as const) {
    const far = `far-${name.slice(0, 8)}`;
    node.run(..."ip link add".split(" "), name, "address", mac, ..."type veth peer name".split(" "), far);
    node.run("ip", "link", "set", far, "up");
    node.run("ip", "link", "set", name, "up");
  }
  node.run(..."ip rule add pref 512 lookup 512 proto static".split(" "));
  node.run(..."ip route add 10.0.16.5 dev eni0d7763386da table 512 proto static".split(" "));
});

afterEach(async () => {
  daemon?.kill("SIGKILL");
  await daemon?.exited;
  namespaces.removeAll();
  rmSync(folder, { recursive: true });
});

/** Runs it until it has configured the link that is its own. It finds no udev where /sys cannot be written, and waits for none then. */
async function runNetworkd(): Promise<void> {
  const script = `mount --bind ${folder}/systemd /etc/systemd && mount -t tmpfs none /run/systemd && mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp && chmod -R a+rwX /run/systemd && mount -o remount,ro,bind /sys && exec ${NETWORKD}`;
  said = "";
  daemon = Bun.spawn(["ip", "netns", "exec", node.name, "sh", "-c", script], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, SYSTEMD_LOG_LEVEL: "debug", SYSTEMD_LOG_TARGET: "console" },
  });
  const { stderr } = daemon;
  void (async () => {
    for await (const chunk of stderr.pipeThrough(new TextDecoderStream())) said += chunk;
  })();
  try {
    await eventually(
      "it has configured eth0",
      () => node.run("ip", "address", "show", "eth0").includes("192.0.2.7"),
      {
        withinMs: 15_000,
      },
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}: ${said.slice(-3000)}`);
  }
}

function ours() {
  return {
    eth1: node.run("ip", "address", "show", "eth1").includes("192.0.2.7"),
    pod: node.run("ip", "address", "show", "eni0d7763386da").includes("192.0.2.7"),
    rule: node.run("ip", "rule").includes("512:"),
    route: node.run(..."ip route show table all".split(" ")).includes("10.0.16.5"),
  };
}

test("without the drop-ins systemd-networkd takes ENIs and pods' links for its own", async () => {
  await runNetworkd();
  await eventually("it has taken both", () => Bun.deepMatch({ eth1: true, pod: true }, ours()));
});

test("with them it leaves all of that alone", async () => {
  installDropIns(folder, [MAC]);
  await runNetworkd();
  await Bun.sleep(1_000);
  expect(ours()).toEqual({ eth1: false, pod: false, rule: true, route: true });
  expect(said).not.toMatch(/00-tke-eni.*(Unknown|ignoring|Invalid)/i);
});
