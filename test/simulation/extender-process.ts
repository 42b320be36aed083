import { createKubeClient } from "../../src/kube/kube-client.ts";
import type { Logger } from "../../src/kube/logger.ts";
import type { KubeTransport } from "../../src/kube/transport.ts";
import { createExtender } from "../../src/scheduler/create-extender.ts";
import type { Extender } from "../../src/scheduler/extender.ts";
import type {
  ExtenderArgs,
  ExtenderBindingArgs,
  ExtenderBindingResult,
  ExtenderFilterResult,
  HostPriority,
} from "../../src/scheduler/wire/extender-messages.ts";
import type { VirtualClock } from "../../src/time/testing/virtual-clock.ts";
import type { Dice } from "./dice.ts";
import type { SimProcess } from "./sim-process.ts";

export interface ExtenderProcessWorld {
  readonly process: SimProcess;
  /** Unique to this life. */
  readonly identity: string;
  readonly transport: KubeTransport;
  readonly clock: VirtualClock;
  readonly dice: Dice;
  readonly logger: Logger;
}

/** The extender as the scheduler reaches it: each rejects when it does not answer in time. */
export interface ExtenderEnd {
  filter(args: ExtenderArgs): Promise<ExtenderFilterResult>;
  prioritize(args: ExtenderArgs): Promise<HostPriority[]>;
  bind(args: ExtenderBindingArgs): Promise<ExtenderBindingResult>;
}

/** `httpTimeout` of the scheduler's configuration. */
const TIMEOUT_MS = 5_000;

/** One life of the extender: the real one, without its door. */
export class ExtenderProcess implements ExtenderEnd {
  readonly #world: ExtenderProcessWorld;
  readonly #extender: Extender;

  constructor(world: ExtenderProcessWorld) {
    this.#world = world;
    const { process, transport, dice, logger } = world;
    const kube = createKubeClient(transport);
    const parts = { transport, kube, clock: process.clock, random: dice.next, logger };
    const { identity } = world;
    const { extender } = createExtender(parts, { onlyNominated: false, namespace: "kube-system", identity });
    this.#extender = extender;
  }

  filter(args: ExtenderArgs): Promise<ExtenderFilterResult> {
    return this.#call(async () => this.#extender.filter(args));
  }

  prioritize(args: ExtenderArgs): Promise<HostPriority[]> {
    return this.#call(async () => this.#extender.prioritize(args));
  }

  bind(args: ExtenderBindingArgs): Promise<ExtenderBindingResult> {
    return this.#call(() => this.#extender.bind(args));
  }

  #call<T>(act: () => Promise<T>): Promise<T> {
    const { process, clock, dice } = this.#world;
    return new Promise((resolve, reject) => {
      const cancel = clock.after(TIMEOUT_MS, () => reject(new Error("the extender does not answer")));
      clock.after(dice.between(0.2, 2), () =>
        process.deliver(() => {
          act().then((answer) => {
            cancel();
            clock.after(dice.between(0.2, 2), () => resolve(answer));
          }, reject);
        }),
      );
    });
  }
}
