import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { destination, pino } from "pino";
import { ConfigError, parseSimConfig, type SimConfig } from "./config.ts";
import { createControlApp } from "./control/app.ts";
import { type Fabric, noFabric } from "./fabric/fabric.ts";
import { KernelFabric } from "./fabric/kernel-fabric.ts";
import { type Log, systemClock } from "./simulator.ts";
import { createTencentApp } from "./tencent/app.ts";
import { createSimulatedCloud } from "./tencent/simulated-cloud.ts";

/** How long a caller can wait for an answer that does not come, in seconds: the most that the server allows. */
const longestWait = 255;

/** How long calls that are under way at the end may take, in milliseconds; then they get no answer. */
const grace = 1000;

/** A vpc-sim that runs. */
export interface RunningSim {
  readonly apiUrl: string;
  readonly controlUrl: string;
  /** Answers what was asked and ends. The network stays as it is; the next start clears it. */
  stop(): Promise<void>;
}

/**
 * Starts the cloud, its network where there is to be one, and both APIs.
 *
 * @throws ConfigError; Error where the namespace is not one to take over, or an address cannot be listened on
 */
export async function runSim(config: SimConfig, log: Log): Promise<RunningSim> {
  const kernelFabric = config.fabric ? await KernelFabric.start(config) : undefined;
  const fabric: Fabric = kernelFabric ?? noFabric;
  const newRequestId = () => crypto.randomUUID();
  const cloud = createSimulatedCloud(config, { clock: systemClock, fabric, log, newRequestId });
  const closing = new AbortController();
  const app = createTencentApp({ api: cloud.api, closing: closing.signal });
  const control = createControlApp(cloud.control);
  const apiServer = Bun.serve({ ...config.api.listen, fetch: app.fetch, idleTimeout: longestWait });
  const controlServer = Bun.serve({ ...config.control.listen, fetch: control.fetch });
  return {
    apiUrl: `http://${config.api.listen.hostname}:${apiServer.port}`,
    controlUrl: `http://${config.control.listen.hostname}:${controlServer.port}`,
    async stop() {
      const patience = setTimeout(() => closing.abort(), grace);
      await Promise.all([apiServer.stop(), controlServer.stop()]);
      clearTimeout(patience);
      await cloud.simulator.close();
      kernelFabric?.close();
    },
  };
}

const usage = `vpc-sim: a VPC of Tencent Cloud in a box, its API and, in the kernel, its network.

Usage: vpc-sim --config FILE [--log-level LEVEL]

  --config FILE       YAML: region, callers, VPCs, subnets, where to listen (docs/design/vpc-sim.md)
  --log-level LEVEL   debug shows every call; info is the default
  --help              this text

With "fabric: true", the default, it takes over the network namespace that it is started in and has to be root there.
With "fabric: false" it is the API alone and runs anywhere.
`;

function readOptions(): { config: SimConfig; level: string } | undefined {
  const { values } = parseArgs({
    options: {
      config: { type: "string" },
      "log-level": { type: "string", default: "info" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    return undefined;
  }
  if (values.config === undefined) {
    throw new ConfigError("Name the configuration: vpc-sim --config FILE. Try --help.");
  }
  const level = values["log-level"];
  if (!Object.hasOwn(pino.levels.values, level)) {
    throw new ConfigError(
      `The log level "${level}" is none of ${Object.keys(pino.levels.values).join(", ")}.`,
    );
  }
  return { config: parseSimConfig(readFileSync(values.config, "utf8")), level };
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options === undefined) {
    process.stdout.write(usage);
    return;
  }
  const log = pino({ name: "vpc-sim", level: options.level }, destination({ dest: 2, sync: true }));
  const sim = await runSim(options.config, log);
  const stop = (signal: string) => {
    log.info({ signal }, "vpc-sim stops");
    sim.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  log.info({ api: sim.apiUrl, control: sim.controlUrl, fabric: options.config.fabric }, "vpc-sim runs");
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`vpc-sim: ${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  }
}
