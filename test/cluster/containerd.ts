import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { containerRuntime } from "../../src/agent/cri/container-runtime.ts";
import { binary } from "../../tools/build/binary.ts";
import type { Daemon } from "./daemon.ts";
import { configurationFolder } from "./folders.ts";
import { pauseImage } from "./images/base-images.ts";
import { enterNode } from "./node-mounts.ts";
import { startDaemon } from "./start-daemon.ts";
import { waitUntil } from "./wait-until.ts";

const SOCKET = "/run/containerd/containerd.sock";

const CONFIGURATION = `version = 3
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
  address = "${SOCKET}"

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "${pauseImage}"

[plugins."io.containerd.cri.v1.runtime"]
  # Without CAP_SYS_RESOURCE, as in many containers and sandboxes, nobody may lower a process's score.
  restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/opt/cni/bin"]
  conf_dir = "/etc/cni/net.d"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  SystemdCgroup = false
`;

/** Starts containerd in a node and waits until it can be asked. */
export async function startContainerd(node: string, holder: Daemon): Promise<Daemon> {
  const configuration = join(configurationFolder, "containerd.toml");
  await writeFile(configuration, CONFIGURATION);
  const [containerd, shim] = [await binary("containerd"), await binary("containerd-shim-runc-v2")];
  const daemon = await startDaemon(
    `${node}-containerd`,
    [...enterNode(holder), containerd, "--config", configuration],
    // It looks for its shim on the PATH.
    { env: { PATH: `${dirname(shim)}:${process.env["PATH"]}` } },
  );
  await waitForContainerd(daemon, holder);
  return daemon;
}

/**
 * Waits until containerd answers a question of the kubelet's. Its socket is there before: while it still reads what it knows of pods
 * it refuses every call of CRI, and the kubelet ends where it is refused (`validateServiceConnection` in k8s.io/cri-client).
 */
export async function waitForContainerd(containerd: Daemon, holder: Daemon): Promise<void> {
  const runtime = containerRuntime(`/proc/${holder.pid}/root${SOCKET}`);
  const answers = () => runtime.listSandboxes().then(() => true);
  await waitUntil(`an answer of ${containerd.name}`, answers, { deadlineMs: 60_000, daemons: [containerd] });
}
