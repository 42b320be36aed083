import { initialAdmission } from "../admission/admission-state.ts";
import { Gate } from "../admission/gate.ts";
import { CallCounter } from "../call-counter.ts";
import type { SimConfig } from "../config.ts";
import { CloudControl } from "../control/cloud-control.ts";
import type { Fabric } from "../fabric/fabric.ts";
import { type Clock, type Log, Simulator } from "../simulator.ts";
import { initialState } from "../vpc/initial-state.ts";
import { SimulatedApi } from "./simulated-api.ts";

/** A whole cloud in this process, without sockets. */
export interface SimulatedCloud {
  readonly simulator: Simulator;
  /** What callers may do. */
  readonly api: SimulatedApi;
  /** What people and tests may do behind its back. */
  readonly control: CloudControl;
}

/**
 * Makes a cloud as configured. Nothing in it looks at another clock than the one given, or waits by other means.
 *
 * @param options.newRequestId a fresh id for each request
 * @throws ConfigError as initialState
 */
export function createSimulatedCloud(
  config: SimConfig,
  options: { clock: Clock; fabric: Fabric; log: Log; newRequestId: () => string },
): SimulatedCloud {
  const { clock, fabric, log, newRequestId } = options;
  const simulator = new Simulator(initialState(config, clock.now()), { fabric, clock, log });
  const gate = new Gate(initialAdmission(config));
  const calls = new CallCounter();
  const { region, asymmetricOutside } = config;
  return {
    simulator,
    api: new SimulatedApi({ simulator, gate, region, calls, log, newRequestId }),
    control: new CloudControl({ simulator, gate, fabric, calls, asymmetricOutside }),
  };
}
