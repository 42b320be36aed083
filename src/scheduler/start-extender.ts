import type { KubeClient } from "../kube/kube-client.ts";
import type { ReflectorWorld } from "../kube/reflector/reflector.ts";
import type { KubeTransport } from "../kube/transport.ts";
import { extenderApp } from "./app.ts";
import { bindPod } from "./bind-pod.ts";
import { ClusterWatches } from "./cluster-watches.ts";
import { Reservations } from "./decide/reservations.ts";
import { Extender } from "./extender.ts";
import { serveTls, type TlsServer, type TlsServerOptions } from "./serve-tls.ts";

/** The scheduler gives up a call after some seconds: what takes longer is tried again. */
const CALL_MS = 2_000;

export interface StartExtenderWorld extends ReflectorWorld {
  readonly transport: KubeTransport;
  readonly kube: KubeClient;
}

export interface StartExtenderOptions extends Omit<TlsServerOptions, "fetch"> {
  readonly onlyNominated: boolean;
}

export interface RunningExtender extends TlsServer {
  /** Resolves once it can decide. */
  whenReady(signal?: AbortSignal): Promise<boolean>;
}

/** Watches the cluster and answers kube-scheduler, with an error until it has seen all of it. */
export async function startExtender(
  world: StartExtenderWorld,
  { onlyNominated, ...options }: StartExtenderOptions,
): Promise<RunningExtender> {
  const reservations = new Reservations();
  const watches = new ClusterWatches(world, {
    onlyNominated,
    sawClaim: (claim) => reservations.saw(claim),
    podGone: (uid) => reservations.gone(uid),
  });
  const extender = new Extender({
    clock: world.clock,
    reservations,
    view: () => watches.view(),
    podOf: (uid) => watches.podOf(uid),
    bind: (to) => bindPod({ ...world, call: () => ({ timeoutMs: CALL_MS }) }, to),
  });
  const app = extenderApp(extender);
  const server = await serveTls({ ...options, fetch: (request) => app.fetch(request) });
  return {
    port: server.port,
    whenReady: (signal) => watches.whenSynced(signal),
    async stop() {
      await server.stop();
      await watches.stop();
    },
  };
}
