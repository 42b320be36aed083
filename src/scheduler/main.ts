// The executable `tke-eni-ip-scheduler`.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import pino from "pino";
import { parsedOrExit } from "../command-line/daemon-command.ts";
import { createKubeClient } from "../kube/kube-client.ts";
import { openServerAccess } from "../kube/server-access.ts";
import { createTransport } from "../kube/transport.ts";
import { systemWaitingClock } from "../time/waiting-clock.ts";
import { healthApp } from "./health-app.ts";
import { parseSchedulerOptions } from "./scheduler-options.ts";
import { startExtender } from "./start-extender.ts";

const options = parsedOrExit("tke-eni-ip-scheduler", () => parseSchedulerOptions(process.argv.slice(2)));
const logger = pino(
  { name: "tke-eni-ip-scheduler", level: options.logLevel },
  pino.destination({ dest: 1, sync: true }),
);
const ended = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => ended.abort());

try {
  const access = await openServerAccess({ kubeconfig: options.kubeconfig });
  const transport = createTransport(access, { userAgent: "tke-eni-ip-scheduler" });
  const { listen, healthListen, allowedNames, onlyNominated, namespace } = options;
  const extender = await startExtender(
    { transport, kube: createKubeClient(transport), clock: systemWaitingClock, random: Math.random, logger },
    {
      ...listen,
      certificate: readFileSync(options.tlsCertificate, "utf8"),
      key: readFileSync(options.tlsKey, "utf8"),
      clientAuthority: readFileSync(options.clientAuthority, "utf8"),
      allowedNames,
      onlyNominated,
      namespace,
      // A process that was started anew is another holder.
      identity: `${options.identity}_${randomUUID()}`,
    },
  );
  const health = Bun.serve({ ...healthListen, fetch: healthApp(() => extender.health()).fetch });
  logger.info({ port: extender.port, health: health.port, allowedNames: [...allowedNames] }, "listening");
  await extender.whenReady(ended.signal);
  if (!ended.signal.aborted) {
    logger.info({}, "the cluster is known: pods can be decided about");
    await new Promise((resolve) => ended.signal.addEventListener("abort", resolve));
  }
  logger.info({}, "stopping");
  await extender.stop();
  process.exit(0);
} catch (error) {
  logger.fatal({ err: error }, "the extender cannot go on");
  process.exit(1);
}
