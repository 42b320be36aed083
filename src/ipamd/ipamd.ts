import { NODE_ENI_CONFIG, type NodeENIConfig } from "../api/node-eni-config.ts";
import type { CloudVpc } from "../cloud/cloud-vpc.ts";
import { namespaces } from "../kube/core-resources.ts";
import { createKubeClient } from "../kube/kube-client.ts";
import { type LeaderElector, startLeaderElection } from "../kube/lease.ts";
import type { Acquisition } from "../kube/lease-election.ts";
import type { Logger } from "../kube/logger.ts";
import type { Resource } from "../kube/resource.ts";
import type { KubeTransport } from "../kube/transport.ts";
import type { Random } from "../time/back-off.ts";
import type { WaitingClock } from "../time/waiting-clock.ts";
import type { ClaimOptions } from "./claims/claim-world.ts";
import { applyDefinitions } from "./definitions.ts";
import type { Health } from "./health-server.ts";
import { Leadership } from "./leadership.ts";
import type { LeaderFigures } from "./metrics.ts";
import type { ClusterOptions } from "./node/node-world.ts";
import { startClaimWatch, startWatches } from "./watches.ts";

export interface IpamdWorld {
  transport: KubeTransport;
  cloud: CloudVpc;
  clock: WaitingClock;
  random: Random;
  logger: Logger;
  nonce: () => string;
  /** Milliseconds since an arbitrary point, by which the planner's own time is measured; decides nothing. */
  stopwatch: () => number;
  /** Another text for another credential; absent where credentials never change. */
  credentialFingerprint?: () => Promise<string>;
}

export interface IpamdSettings extends Omit<ClusterOptions, "cluster"> {
  clusterId: string;
  /** In force as long as the ConfigMap says nothing else. */
  vpcId: string;
  subnetIds: readonly string[];
  /** Of the lease. */
  namespace: string;
  /** Unique to this process. */
  identity: string;
  /** Milliseconds that one call to the cloud may take. */
  cloudTimeoutMs: number;
  /** Milliseconds for which nobody else leads after this leader was last heard of. */
  leaseDurationMs: number;
  /** Pods have addresses of their own; undefined: nodes keep a pool of them alone. */
  claims?: ClaimOptions | undefined;
}

const LEASE_RETRY_MS = 2000;

export interface Ipamd {
  health(): Health;
  /** What is counted while this process leads. */
  figures(): LeaderFigures | undefined;
  /** Rejects when this process led and does no more: what it knows may be old, so it must start anew. */
  readonly failed: Promise<never>;
  /** Finishes what it is doing, begins nothing more and gives the lease back. */
  stop(): Promise<void>;
}

/**
 * Starts ipamd: definitions, watches, election; the leader works on nodes.
 *
 * @throws when the API server cannot be reached, or its CRDs are somebody else's
 */
export async function startIpamd(world: IpamdWorld, settings: IpamdSettings): Promise<Ipamd> {
  const kube = createKubeClient(world.transport);
  await applyDefinitions(kube, world.clock);
  const system = await kube.get(namespaces, "kube-system");
  const watches = startWatches(world);
  const claims = startClaimWatch(world);
  const all = { ...watches, claims };
  const synced = await Promise.all(Object.values(all).map((watch) => watch.whenSynced()));
  if (!synced.every(Boolean)) throw new Error("a watch was stopped before it had a complete view");

  const failure = Promise.withResolvers<never>();
  // Without a listener a rejection would end the process before its owner can say why.
  failure.promise.catch(() => {});
  let leadership: Leadership | undefined;
  const stopping = new AbortController();

  const elector: LeaderElector = startLeaderElection(
    { client: kube, clock: world.clock, random: world.random, logger: world.logger },
    {
      namespace: settings.namespace,
      name: "tke-eni-ipamd",
      identity: settings.identity,
      leaseDurationMs: settings.leaseDurationMs,
      retryMs: LEASE_RETRY_MS,
      longestCallMs: settings.cloudTimeoutMs,
      onAcquired: (acquisition) => void lead(acquisition).catch(failure.reject),
      onLost: () =>
        failure.reject(
          new Error("this process leads no more: another holds the lease, or it could not be renewed"),
        ),
    },
  );

  async function lead(acquisition: Acquisition): Promise<void> {
    if (!(acquisition.from === "nobody" && (await isNewCluster()))) {
      const waitMs = Math.max(0, acquisition.waitUntil - world.clock.monotonic());
      const seconds = Math.ceil(waitMs / 1000);
      if (seconds > 0) {
        world.logger.info({ seconds }, "waiting until no call of a former leader can be under way any more");
      }
      await world.clock.sleep(waitMs, stopping.signal);
    }
    if (stopping.signal.aborted) return;
    leadership = new Leadership(world, {
      kube,
      elector,
      watches,
      claims,
      settings,
      cluster: { id: settings.clusterId, uid: system.metadata.uid },
      failed: failure.reject,
    });
    leadership.start();
  }

  /**
   * Without a NodeENIConfig there is no predecessor to wait for: every call that makes something in the cloud is preceded by an
   * intent written to one.
   */
  async function isNewCluster(): Promise<boolean> {
    const configs: Resource<NodeENIConfig> = NODE_ENI_CONFIG;
    return (await kube.list(configs)).items.length === 0;
  }

  world.logger.info({ identity: settings.identity }, "every view is complete; standing by for the lease");
  return {
    failed: failure.promise,
    health: () => ({
      ready: Object.values(all).every((watch) => watch.hasSynced()),
      leader: elector.isLeader(),
      ...(leadership !== undefined && { cloud: leadership.cloudHealth() }),
      watches: Object.fromEntries(
        Object.entries(all).map(([name, watch]) => {
          const age = watch.age();
          return [name, Number.isFinite(age) ? Math.round(age) : null];
        }),
      ),
    }),
    figures: () => leadership?.figures(),
    async stop() {
      stopping.abort();
      await leadership?.stop();
      // Who has not waited a former leader's calls out may not say that there are none.
      await elector.stop({ giveBack: leadership !== undefined });
      await Promise.all(Object.values(all).map((watch) => watch.stop()));
    },
  };
}
