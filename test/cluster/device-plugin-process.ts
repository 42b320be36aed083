// The agent's device plugin alone, in a node of the cluster: offers as many slots as a file says, and writes down what it tells.
// Instances take over from one another as agents do.
//   bun device-plugin-process.ts KUBECONFIG NODE INSTANCE TARGET_FILE OFFERED_FILE
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import pino from "pino";
import { BoundPods } from "../../src/agent/kubelet/bound-pods.ts";
import { DevicePlugin } from "../../src/agent/kubelet/device-plugin.ts";
import { NodeStatus } from "../../src/agent/kubelet/node-status.ts";
import { ownStore } from "../../src/agent/store/own-store.ts";
import { createKubeClient } from "../../src/kube/kube-client.ts";
import { openServerAccess } from "../../src/kube/server-access.ts";
import { createTransport } from "../../src/kube/transport.ts";
import { systemWaitingClock } from "../../src/time/waiting-clock.ts";

const [kubeconfig, nodeName = "", instance = "", targetFile = "", offeredFile = ""] = process.argv.slice(2);
const logger = pino({ name: instance }, pino.destination({ dest: 1, sync: true }));
const target = () => Number(readFileSync(targetFile, "utf8"));
const world = { clock: systemWaitingClock, random: Math.random, logger };

const client = createKubeClient(createTransport(await openServerAccess({ kubeconfig })));
const plugin = new DevicePlugin({
  ...world,
  kubeletFolder: "/var/lib/kubelet",
  instance,
  announced: () => (existsSync(offeredFile) ? Number(readFileSync(offeredFile, "utf8")) : target()),
  nodeStatus: new NodeStatus({ ...world, client, nodeName }),
  boundPods: new BoundPods({ ...world, client, nodeName }),
  // As long as it takes the kubelet here, and no longer: the tests wait for it.
  timing: { settleMs: 5_000 },
});
plugin.onOffered((count) => {
  writeFileSync(`${offeredFile}.new`, String(count));
  renameSync(`${offeredFile}.new`, offeredFile);
});
await plugin.start();
const stopping = new AbortController();
let following: ReturnType<typeof setInterval> | undefined;
process.once("SIGTERM", async () => {
  stopping.abort();
  clearInterval(following);
  await plugin.stop();
  process.exit(0);
});
if ((await ownStore(dirname(offeredFile), stopping.signal)) !== undefined) {
  plugin.takeOver();
  following = setInterval(() => plugin.setTarget(target()), 20);
}
