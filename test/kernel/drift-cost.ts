// What keeping a full node as it should be costs, and how soon each drift is mended: `bun test/kernel/drift-cost.ts [PODS]`, as root.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../src/kube/testing/eventually.ts";
import { NodeNetworkAgent } from "./node-network-agent.ts";
import { attach, linkOf } from "./pod-link.ts";
import { ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

const PODS = Number(process.argv[2] ?? 250);
const TRIALS = 10;
const IDLE_MS = 20_000;
const NODE_ADDRESS = "10.0.1.11";
const HERTZ = 100;
const eni = {
  eniId: "eni-1",
  mac: "20:90:6f:00:00:11",
  primaryIp: "10.0.16.10",
  gateway: "10.0.16.1",
  subnetId: "subnet-1",
};

const namespaces = new ThrowAwayNamespaces("tkdc");
const folder = mkdtempSync(join(tmpdir(), "tke-eni-drift-cost-"));
const node = namespaces.make("node");
const vpc = namespaces.make("vpc");
for (const [name, mac] of [
  ["eth0", "20:90:6f:00:00:01"],
  ["eth1", eni.mac],
] as const) {
  vpc.run(
    ...`ip link add a-${name} type veth peer name ${name} address ${mac} netns ${node.name}`.split(" "),
  );
  vpc.run("ip", "link", "set", `a-${name}`, "up");
}
node.run("ip", "address", "add", `${NODE_ADDRESS}/24`, "dev", "eth0");
node.run("ip", "link", "set", "eth0", "up");
node.run("ip", "route", "add", "default", "via", "10.0.1.1");
const agent = await NodeNetworkAgent.start({ node, folder }, [eni]);
try {
  const pods = Array.from({ length: PODS }, (_, at) => ({
    name: `pod-${at}`,
    containerId: `container-${at}`,
    address: `10.0.${17 + Math.floor(at / 250)}.${1 + (at % 250)}`,
    eniId: eni.eniId,
  }));
  await agent.tell({ pods });
  const group = agent.table(eni.eniId);
  for (const pod of pods) {
    const inside = namespaces.make(pod.name);
    attach({ node, pod: inside }, { ...pod, group, nodeAddress: NODE_ADDRESS });
  }
  await Bun.sleep(12_000);
  const before = agent.cpuTicks();
  const looks = agent.looks.length;
  await Bun.sleep(IDLE_MS);
  const used = ((agent.cpuTicks() - before) / HERTZ / (IDLE_MS / 1_000)) * 100;
  console.log(
    `${PODS} pods, idle for ${IDLE_MS / 1_000} s: ${used.toFixed(2)} % of a CPU, ${agent.looks.length - looks} looks`,
  );

  const link = linkOf("pod-7");
  const address = pods[7]?.address;
  const ip = (command: string) => node.run("ip", ...command.split(" "));
  const drifts: readonly [string, () => void][] = [
    ["pod-route", () => ip(`route del ${address} table 512`)],
    ["pod-group", () => ip(`link set ${link} group 0`)],
    ["pod-alias", () => ip(`link set ${link} alias other`)],
    ["pod-down", () => ip(`link set ${link} down`)],
    ["pod-sysctl", () => node.run("sysctl", "-qw", `net.ipv4.conf.${link}.rp_filter=0`)],
    ["eni-route", () => ip(`route del default dev eth1 table ${group}`)],
    ["eni-rule", () => ip("rule del pref 1537")],
    ["eni-address", () => ip("address flush dev eth1")],
    ["eni-down", () => ip("link set eth1 down")],
    ["sysctl", () => node.run("sysctl", "-qw", "net.ipv4.conf.all.send_redirects=1")],
    ["ruleset", () => node.run("nft", "flush", "ruleset")],
  ];
  for (const [kind, breakIt] of drifts) {
    const times: number[] = [];
    for (let trial = 0; trial < TRIALS; trial++) {
      const from = agent.drift.length;
      breakIt();
      const began = performance.now();
      await eventually(kind, () => agent.drift.slice(from).some((d) => d.kind === kind), { withinMs: 5_000 });
      times.push(performance.now() - began);
      await Bun.sleep(300 + Math.random() * 300);
    }
    const [least, most] = [Math.min(...times), Math.max(...times)];
    console.log(`${kind}: told ${least.toFixed(0)} to ${most.toFixed(0)} ms after the change, of ${TRIALS}`);
  }
  console.log(
    `looks: ${agent.looks
      .toSorted((a, b) => a - b)
      .at(Math.floor(agent.looks.length / 2))
      ?.toFixed(1)} ms p50`,
  );
} finally {
  await agent.stop();
  namespaces.removeAll();
  rmSync(folder, { recursive: true, force: true });
}
