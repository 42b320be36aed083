import { IPAMD_MANAGER } from "../../api/field-managers.ts";
import {
  type MutatingWebhookConfiguration,
  mutatingWebhookConfigurations,
  secrets,
} from "../../kube/core-resources.ts";
import type { KubeClient } from "../../kube/kube-client.ts";
import { KubeError } from "../../kube/kube-error.ts";
import type { Logger } from "../../kube/logger.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import { goodPairs, pairToShow, upkeepOf } from "./rotation.ts";
import { makeServingPair, type ServingPair } from "./serving-pair.ts";
import {
  callingWay,
  serviceName,
  WEBHOOK,
  WEBHOOK_CONFIGURATION,
  WEBHOOK_SERVICE,
} from "./webhook-configuration.ts";
import { dataOf, pairsOf, WEBHOOK_SECRET } from "./webhook-secret.ts";

export interface CertificatesWorld {
  readonly kube: Pick<KubeClient, "find" | "create" | "mergePatch" | "apply">;
  readonly clock: WaitingClock;
  readonly logger: Logger;
}

export interface CertificatesOptions {
  /** Of the Secret, and of the Service where nothing says otherwise. */
  readonly namespace: string;
  /** Has the server show this pair from now on. */
  show(pair: ServingPair): void;
}

/** How often Secret and configuration are looked at. */
const ROUND_MS = 10_000;
/** API servers follow the configuration by a watch: what has been in it for this long, they know. */
const SETTLED_MS = 60_000;
/** Before another look, after another replica was first. */
const AGAIN_MS = 100;

/**
 * Keeps the webhook's certificate: makes it, shares it with the other replicas by a Secret, tells API servers whom to trust, and renews it long
 * before its end. The authority of the former certificate is trusted until it ends by itself, however late a replica comes to the new one.
 */
export class WebhookCertificates {
  readonly #world: CertificatesWorld;
  readonly #options: CertificatesOptions;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #shown: ServingPair | undefined;
  /** The newest authority as last seen published, and since when (monotonic). */
  #published: { authority: string; since: number } | undefined;
  /** What was logged last, which is not logged again. */
  #said = "";

  constructor(world: CertificatesWorld, options: CertificatesOptions) {
    this.#world = world;
    this.#options = options;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { clock, logger } = this.#world;
    while (!signal.aborted) {
      let waitMs = ROUND_MS;
      try {
        await this.#round();
        this.#said = "";
      } catch (error) {
        if (error instanceof KubeError && (error.isConflict || error.isAlreadyExists)) waitMs = AGAIN_MS;
        else {
          const text = error instanceof Error ? error.message : String(error);
          if (text !== this.#said) logger.error({ err: error }, `the webhook's certificate: ${text}`);
          this.#said = text;
        }
      }
      await clock.sleep(waitMs, signal);
    }
  }

  async #round(): Promise<void> {
    const { kube, clock } = this.#world;
    // Before the Secret, and written under the version read: whoever looked at an older Secret loses.
    const configuration = await kube.find(mutatingWebhookConfigurations, WEBHOOK_CONFIGURATION);
    const way = configuration && callingWay(configuration);
    const names = way?.names ?? [];
    const pairs = goodPairs(await this.#stored(names), clock.now());
    const trusted = pairs.map(({ authority }) => authority).join("");
    if (configuration !== undefined && way?.trusted !== trusted) await this.#publish(configuration, trusted);

    const [newest] = pairs;
    if (newest === undefined)
      throw new Error("no certificate is good by this machine's clock: set the clock");
    if (this.#published?.authority !== newest.authority) {
      this.#published = { authority: newest.authority, since: clock.monotonic() };
    }
    const settled = clock.monotonic() - this.#published.since >= SETTLED_MS;
    const pair = pairToShow(pairs, { shown: this.#shown, settled, names });
    if (pair === undefined || pair.certificate === this.#shown?.certificate) return;
    this.#options.show(pair);
    this.#shown = pair;
  }

  /** The pairs of the Secret, newest first, after it was brought up to date. */
  async #stored(names: readonly string[]): Promise<readonly ServingPair[]> {
    const { kube, clock, logger } = this.#world;
    const { namespace } = this.#options;
    const secret = await kube.find(secrets, WEBHOOK_SECRET, { namespace });
    const stored = pairsOf(secret);
    const shown = this.#shown;
    const upkeep = upkeepOf(stored, { shown, names, now: clock.now() });
    if (upkeep === "keep") return stored;
    const next =
      upkeep === "restore" && shown !== undefined
        ? [shown]
        : [
            await makeServingPair(
              names.length > 0 ? names : [serviceName(WEBHOOK_SERVICE, namespace)],
              clock.now(),
            ),
            ...goodPairs(stored, clock.now()).slice(0, 1),
          ];
    const data = dataOf(next);
    if (secret === undefined) {
      const present = Object.entries(data).filter((entry): entry is [string, string] => entry[1] !== null);
      await kube.create(secrets, {
        metadata: { name: WEBHOOK_SECRET, namespace },
        type: "Opaque",
        data: Object.fromEntries(present),
      });
    } else {
      // Of the replicas that come to this at the same time one is first, and the others take what it made.
      const { resourceVersion } = secret.metadata;
      await kube.mergePatch(secrets, WEBHOOK_SECRET, {
        namespace,
        patch: { metadata: { resourceVersion }, data },
      });
    }
    logger.info({ names, upkeep }, "the webhook has a new certificate");
    return next;
  }

  async #publish({ metadata }: MutatingWebhookConfiguration, trusted: string): Promise<void> {
    const { name, resourceVersion } = metadata;
    await this.#world.kube.apply(
      mutatingWebhookConfigurations,
      {
        metadata: { name, resourceVersion },
        webhooks: [{ name: WEBHOOK, clientConfig: { caBundle: Buffer.from(trusted).toString("base64") } }],
      },
      { fieldManager: IPAMD_MANAGER, force: true },
    );
    this.#world.logger.info({}, "API servers are told whose certificate the webhook has");
  }
}
