// The executable `tke-eni-ipamd`.
import { hostname } from "node:os";
import pino from "pino";
import { TencentVpc } from "../cloud/tencent/tencent-vpc.ts";
import { parsedOrExit } from "../command-line/daemon-command.ts";
import { createKubeClient } from "../kube/kube-client.ts";
import { openServerAccess } from "../kube/server-access.ts";
import { createTransport } from "../kube/transport.ts";
import { systemWaitingClock } from "../time/waiting-clock.ts";
import { adopt } from "./adopt.ts";
import { runAudit } from "./audit/run-audit.ts";
import { readCredential } from "./credential-folder.ts";
import { type Health, healthApp } from "./health-server.ts";
import { type Ipamd, startIpamd } from "./ipamd.ts";
import { type ConnectionOptions, type IpamdOptions, parseIpamdCommand } from "./ipamd-options.ts";
import { type RunningWebhook, startWebhook } from "./webhook/start-webhook.ts";

/** Longest that one call to the cloud may take; a lease must outlive it. */
const CLOUD_TIMEOUT_MS = 10_000;
const LEASE_MS = 20_000;

/** The webhook outlives the wish to stop by this much: API servers call it until its place in the Service is known to be gone. */
const WEBHOOK_LINGERS_MS = 5000;

const command = parsedOrExit("tke-eni-ipamd", () => parseIpamdCommand(process.argv.slice(2), process.env));
const logger = pino(
  { name: "tke-eni-ipamd", level: command.options.logLevel },
  // The other commands print for people on stdout.
  pino.destination({ dest: command.do === "run" ? 1 : 2, sync: true }),
);
const print = (text: string) => void process.stdout.write(text);

try {
  switch (command.do) {
    case "run":
      process.exit(await run(command.options));
      break;
    case "audit": {
      const found = await runAudit(await connect(command.options), { ...command.options, print });
      process.exit(found === "clean" ? 0 : 3);
      break;
    }
    case "adopt":
      await adopt(await connect(command.options), { ...command.options, print });
      process.exit(0);
  }
} catch (error) {
  if (command.do === "run") logger.fatal({ err: error }, "ipamd cannot go on");
  else
    process.stderr.write(`tke-eni-ipamd ${command.do}: ${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}

async function run(options: IpamdOptions): Promise<number> {
  let ipamd: Ipamd | undefined;
  let webhook: RunningWebhook | undefined;
  const health = (): Health => {
    const now = ipamd?.health() ?? { ready: false, leader: false, watches: {} };
    const served = options.webhookListen === undefined || webhook?.port() !== undefined;
    return { ...now, ready: now.ready && served };
  };
  const server = Bun.serve({
    ...options.healthListen,
    fetch: healthApp(health, () => ipamd?.figures()).fetch,
  });
  const stopRequested = Promise.withResolvers<"stop">();
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.once(signal, () => stopRequested.resolve("stop"));
  const connection = await connect(options);
  if (options.webhookListen !== undefined) {
    webhook = startWebhook(
      { ...connection, kube: createKubeClient(connection.transport), logger },
      { listen: options.webhookListen, namespace: options.namespace },
    );
  }
  const starting = start(options, connection);
  ipamd = await Promise.race([starting, stopRequested.promise.then(() => undefined)]);
  if (ipamd !== undefined) {
    await Promise.race([stopRequested.promise, ipamd.failed]);
    logger.info({}, "stopping");
    await Promise.all([ipamd.stop(), webhook && systemWaitingClock.sleep(WEBHOOK_LINGERS_MS)]);
  }
  await webhook?.stop();
  await server.stop();
  return 0;
}

async function connect(options: ConnectionOptions) {
  const access = await openServerAccess({ kubeconfig: options.kubeconfig });
  return {
    clock: systemWaitingClock,
    transport: createTransport(access, { userAgent: "tke-eni-ipamd" }),
    cloud: new TencentVpc({
      region: options.region,
      credential: () => readCredential(options.credentialFolder),
      protocol: options.cloudProtocol,
      domain: options.cloudDomain,
      timeoutMs: CLOUD_TIMEOUT_MS,
    }),
  };
}

async function start(
  { clusterId, vpcId, subnetIds, ...rest }: IpamdOptions,
  connection: Awaited<ReturnType<typeof connect>>,
): Promise<Ipamd> {
  return startIpamd(
    {
      ...connection,
      random: Math.random,
      stopwatch: () => performance.now(),
      logger,
      nonce: () => Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex"),
      credentialFingerprint: async () =>
        Bun.hash(JSON.stringify(await readCredential(rest.credentialFolder))).toString(16),
    },
    {
      clusterId,
      vpcId,
      subnetIds,
      warm: rest.warm,
      quickRelease: rest.quickRelease,
      nodeGoneGraceMs: rest.nodeGoneGraceMs,
      agentAnswerMs: rest.agentAnswerMs,
      nodeTaint: rest.nodeTaint,
      nodeCondition: rest.nodeCondition,
      claims: rest.claims,
      namespace: rest.namespace,
      identity: `${hostname()}-${process.pid}-${Date.now().toString(36)}`,
      cloudTimeoutMs: CLOUD_TIMEOUT_MS,
      leaseDurationMs: LEASE_MS,
    },
  );
}
