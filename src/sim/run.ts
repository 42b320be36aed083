import type { SimConfig } from "./config.ts";
import { createControlApp } from "./control/app.ts";
import { type Fabric, noFabric } from "./fabric/fabric.ts";
import { KernelFabric } from "./fabric/kernel-fabric.ts";
import { type Log, Simulator, systemClock } from "./simulator.ts";
import { createTencentApp } from "./tencent/app.ts";
import { CallCounter } from "./tencent/call-counter.ts";
import { initialState } from "./vpc/initial-state.ts";

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
  const state = initialState(config, systemClock.now());
  const kernelFabric = config.fabric ? await KernelFabric.start(config) : undefined;
  const fabric: Fabric = kernelFabric ?? noFabric;
  const simulator = new Simulator(state, { fabric, clock: systemClock, log });
  const calls = new CallCounter();
  const api = createTencentApp({
    simulator,
    region: config.region,
    credentials: config.credentials,
    calls,
    log,
    newRequestId: () => crypto.randomUUID(),
  });
  const control = createControlApp({ simulator, fabric, calls });
  const apiServer = Bun.serve({ ...config.api.listen, fetch: api.fetch });
  const controlServer = Bun.serve({ ...config.control.listen, fetch: control.fetch });
  return {
    apiUrl: `http://${config.api.listen.hostname}:${apiServer.port}`,
    controlUrl: `http://${config.control.listen.hostname}:${controlServer.port}`,
    async stop() {
      await Promise.all([apiServer.stop(), controlServer.stop()]);
      await simulator.close();
      kernelFabric?.close();
    },
  };
}
