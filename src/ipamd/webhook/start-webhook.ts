import type { Server } from "bun";
import type { ServingPair } from "./serving-pair.ts";
import { webhookApp } from "./webhook-app.ts";
import { type CertificatesWorld, WebhookCertificates } from "./webhook-certificates.ts";

export interface WebhookOptions {
  readonly listen: { readonly hostname: string; readonly port: number };
  /** Of ipamd, its Secret and its Service. */
  readonly namespace: string;
}

export interface RunningWebhook {
  /** Where it listens; undefined until it has a certificate. */
  port(): number | undefined;
  stop(): Promise<void>;
}

/** A review holds the pod, which is no larger than etcd takes. */
const LARGEST_BODY = 8 * 1024 * 1024;

/** Serves the webhook by TLS, in every replica: it needs no lease, and knows nothing of the cluster but its certificate. */
export function startWebhook(
  world: CertificatesWorld,
  { listen: { hostname, port }, namespace }: WebhookOptions,
): RunningWebhook {
  const app = webhookApp();
  let server: Server<undefined> | undefined;

  function show({ certificate, key }: ServingPair): void {
    const former = server;
    // A server keeps the certificate it began with: the next one takes its port over, and it finishes what it has.
    server = Bun.serve({
      hostname,
      port: former?.port ?? port,
      reusePort: true,
      maxRequestBodySize: LARGEST_BODY,
      tls: { cert: certificate, key },
      fetch: (request) => app.fetch(request),
    });
    world.logger.info({ port: server.port }, "the webhook is served");
    void former?.stop();
  }

  const certificates = new WebhookCertificates(world, { namespace, show });
  return {
    port: () => server?.port,
    async stop() {
      await certificates.stop();
      await server?.stop();
    },
  };
}
