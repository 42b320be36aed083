import { join } from "node:path";
import { simulatedWorld } from "../../src/sim/config.ts";
import { ECHO_PORT, echoScript } from "./echo-server.ts";
import { runFolder } from "./folders.ts";
import { startDaemon } from "./start-daemon.ts";
import { waitUntil } from "./wait-until.ts";
import { outsideNamespace } from "./world.ts";

/** Starts an echo server on the host outside the VPC, and returns its address. It ends with the cluster. */
export async function startOutsideHost(): Promise<string> {
  const address = simulatedWorld().outside?.address ?? "";
  const enter = ["ip", "netns", "exec", outsideNamespace];
  const script = echoScript(join(runFolder, "outside"), "outside");
  const server = await startDaemon("outside-echo", [...enter, "/bin/busybox", "sh", "-c", script]);
  const ask = [
    ...enter,
    "/bin/busybox",
    "wget",
    "-q",
    "-O",
    "-",
    `http://${address}:${ECHO_PORT}/cgi-bin/who`,
  ];
  await waitUntil(
    "the echo server outside the VPC",
    () => Bun.spawnSync(ask).stdout.toString().startsWith("outside "),
    { deadlineMs: 10_000, daemons: [server] },
  );
  return address;
}
