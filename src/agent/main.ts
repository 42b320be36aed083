// The executable `tke-eni-agent`.
import { existsSync } from "node:fs";
import { join } from "node:path";
import pino from "pino";
import { parsedOrExit } from "../command-line/daemon-command.ts";
import { createKubeClient } from "../kube/kube-client.ts";
import { openServerAccess } from "../kube/server-access.ts";
import { createTransport } from "../kube/transport.ts";
import { systemWaitingClock } from "../time/waiting-clock.ts";
import { Agent } from "./agent.ts";
import { parseAgentOptions } from "./agent-options.ts";
import { installPlugins } from "./install/install-plugins.ts";
import { keepPrivate } from "./private-folder.ts";
import { probeHealth, serveHealth, serveMetrics } from "./server/health.ts";
import { readBootId } from "./store/boot-id.ts";

const options = parsedOrExit("tke-eni-agent", () => parseAgentOptions(process.argv.slice(2), process.env));
if (options.probe !== undefined) {
  const { alive, ready, text } = await probeHealth(options);
  process.stdout.write(`${text}\n`);
  process.exit({ alive, ready }[options.probe] ? 0 : 1);
}

const logger = pino(
  { name: "tke-eni-agent", level: options.logLevel },
  pino.destination({ dest: 1, sync: true }),
);
const ended = Promise.withResolvers<"stop" | Error>();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => ended.resolve("stop"));

try {
  keepPrivate(options.runFolder);
  keepPrivate(options.stateFolder);
  if (existsSync(options.pluginsSource)) {
    const memory = join(options.stateFolder, "installed-plugins.json");
    const installed = await installPlugins({ from: options.pluginsSource, to: options.cniBin, memory });
    if (installed.length > 0) logger.info({ installed, folder: options.cniBin }, "installed CNI plugins");
  }
  const access = await openServerAccess({ kubeconfig: options.kubeconfig });
  const transport = createTransport(access, { userAgent: "tke-eni-agent" });
  const agent = new Agent(
    {
      transport,
      kube: createKubeClient(transport),
      clock: systemWaitingClock,
      random: Math.random,
      logger,
      bootId: readBootId(),
      onFatal: (error) => ended.resolve(error instanceof Error ? error : new Error(String(error))),
    },
    options,
  );
  const health = await serveHealth(options, agent);
  const metrics = options.metricsAddress && serveMetrics(options.metricsAddress, agent);
  agent.start().catch((error) => ended.resolve(error));
  const end = await ended.promise;
  if (end !== "stop") throw end;
  logger.info({}, "stopping");
  await agent.stop();
  await metrics?.stop();
  await health.stop();
  process.exit(0);
} catch (error) {
  logger.fatal({ err: error }, "the agent cannot go on");
  process.exit(1);
}
