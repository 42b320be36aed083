import { extenderApp } from "./app.ts";
import { createExtender, type ExtenderIdentity, type ExtenderParts } from "./create-extender.ts";
import type { ExtenderHealth } from "./health-app.ts";
import { serveTls, type TlsServer, type TlsServerOptions } from "./serve-tls.ts";
import { VerbFigures } from "./verb-figures.ts";

/** Between two looks at whether pods can be decided about. */
const LOOK_MS = 100;

export interface StartExtenderOptions
  extends Omit<TlsServerOptions, "fetch" | "keepsConnections">,
    ExtenderIdentity {}

export interface RunningExtender extends TlsServer {
  health(): ExtenderHealth;
  /** Resolves once it can decide; at the latest when `signal` is aborted. */
  whenReady(signal: AbortSignal): Promise<void>;
}

/** Watches the cluster and, while it has the Lease, answers kube-scheduler: with an error until it has seen all of it. */
export async function startExtender(
  world: ExtenderParts,
  { onlyNominated, namespace, identity, ...options }: StartExtenderOptions,
): Promise<RunningExtender> {
  const { clock } = world;
  const verbs = new VerbFigures();
  const core = createExtender(world, { onlyNominated, namespace, identity });
  const { waker, watches, notReady } = core;
  const app = extenderApp({
    extender: core.extender,
    answered: (verb, outcome, ms) => verbs.note(verb, outcome, ms),
    stopwatch: () => clock.monotonic(),
  });
  const server = await serveTls({
    ...options,
    fetch: (request) => app.fetch(request),
    keepsConnections: () => notReady() === undefined,
  });
  return {
    port: server.port,
    health: () => ({
      notReady: notReady(),
      waitingPods: watches.refused().length,
      wakes: waker.wakes,
      verbs,
    }),
    async whenReady(signal) {
      while (!signal.aborted && notReady() !== undefined) await clock.sleep(LOOK_MS, signal);
    },
    async stop() {
      await core.stop();
      await server.stop();
      await watches.stop();
    },
  };
}
