// The executable `tke-eni-ipamd`.
import { hostname } from "node:os";
import { CommanderError } from "commander";
import pino from "pino";
import { TencentVpc } from "../cloud/tencent/tencent-vpc.ts";
import { openServerAccess } from "../kube/server-access.ts";
import { createTransport } from "../kube/transport.ts";
import { systemWaitingClock } from "../kube/waiting-clock.ts";
import { readCredential } from "./credential-folder.ts";
import { healthApp } from "./health-server.ts";
import { type Ipamd, startIpamd } from "./ipamd.ts";
import { type IpamdOptions, parseIpamdOptions } from "./ipamd-options.ts";

/** Longest that one call to the cloud may take; a lease must outlive it. */
const CLOUD_TIMEOUT_MS = 10_000;

const options = optionsOrExit();
const logger = pino(
  { name: "tke-eni-ipamd", level: options.logLevel },
  pino.destination({ dest: 1, sync: true }),
);

let ipamd: Ipamd | undefined;
const server = Bun.serve({
  hostname: options.healthListen.host,
  port: options.healthListen.port,
  fetch: healthApp(() => ipamd?.health() ?? { ready: false, leader: false, watches: {} }).fetch,
});
const stopRequested = Promise.withResolvers<"stop">();
for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.once(signal, () => stopRequested.resolve("stop"));

try {
  const starting = start(options);
  ipamd = await Promise.race([starting, stopRequested.promise.then(() => undefined)]);
  if (ipamd !== undefined) {
    await Promise.race([stopRequested.promise, ipamd.failed]);
    logger.info({}, "stopping");
    await ipamd.stop();
  }
  await server.stop();
  process.exit(0);
} catch (error) {
  logger.fatal({ err: error }, "ipamd cannot go on");
  process.exit(1);
}

async function start({ clusterId, region, vpcId, subnetIds, ...rest }: IpamdOptions): Promise<Ipamd> {
  const access = await openServerAccess({ kubeconfig: rest.kubeconfig });
  return startIpamd(
    {
      transport: createTransport(access, { userAgent: "tke-eni-ipamd" }),
      cloud: new TencentVpc({
        region,
        credential: () => readCredential(rest.credentialFolder),
        protocol: rest.cloudProtocol,
        domain: rest.cloudDomain,
        timeoutMs: CLOUD_TIMEOUT_MS,
      }),
      clock: systemWaitingClock,
      random: Math.random,
      logger,
      nonce: () => Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex"),
    },
    {
      clusterId,
      vpcId,
      subnetIds,
      warm: rest.warm,
      quickRelease: rest.quickRelease,
      nodeGoneGraceMs: rest.nodeGoneGraceMs,
      agentAnswerMs: rest.agentAnswerMs,
      namespace: rest.namespace,
      identity: `${hostname()}-${process.pid}-${Date.now().toString(36)}`,
      cloudTimeoutMs: CLOUD_TIMEOUT_MS,
    },
  );
}

function optionsOrExit(): IpamdOptions {
  try {
    return parseIpamdOptions(process.argv.slice(2), process.env);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) process.exit(0);
    process.stderr.write(`tke-eni-ipamd: ${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  }
}
