import { MANAGED_BY, MANAGED_BY_LABEL } from "../../api/custom-resource-definition.ts";
import type { MutatingWebhookConfiguration } from "../../kube/core-resources.ts";

/** The MutatingWebhookConfiguration and the webhook in it, named as TKE has them: k8s/components/add-request-webhook. */
export const WEBHOOK_CONFIGURATION = "add-pod-eni-ip-limit-webhook";
export const WEBHOOK = "add-pod-eni-ip-limit-webhook.tke.cloud.tencent.com";
export const WEBHOOK_PATH = "/add-pod-eni-ip-limit";
export const WEBHOOK_SERVICE = "tke-eni-ipamd-webhook";

/** How the API server calls the webhook. */
export interface CallingWay {
  /** Names and addresses that the certificate must be for. */
  readonly names: readonly string[];
  /** PEM certificates that it trusts; empty where nobody has written any. */
  readonly trusted: string;
}

/**
 * Reads how the API server calls.
 *
 * @throws with one sentence where the configuration is not ours, or lacks the webhook
 */
export function callingWay({ metadata, webhooks = [] }: MutatingWebhookConfiguration): CallingWay {
  if (metadata.labels?.[MANAGED_BY_LABEL] !== MANAGED_BY) {
    throw new Error(
      `the MutatingWebhookConfiguration ${metadata.name} is not ours (no label ${MANAGED_BY_LABEL}=${MANAGED_BY}): remove it, if it is of TKE's own VPC-CNI, and apply k8s/components/add-request-webhook`,
    );
  }
  const webhook = webhooks.find(({ name }) => name === WEBHOOK);
  if (webhook === undefined) {
    throw new Error(
      `the MutatingWebhookConfiguration ${metadata.name} has no webhook ${WEBHOOK}: apply k8s/components/add-request-webhook again`,
    );
  }
  const { url, service, caBundle = "" } = webhook.clientConfig;
  return {
    names: [
      ...(url === undefined ? [] : [new URL(url).hostname.replace(/^\[(.*)\]$/, "$1")]),
      ...(service === undefined ? [] : [serviceName(service.name, service.namespace)]),
    ],
    trusted: Buffer.from(caBundle, "base64").toString(),
  };
}

/** The name by which API servers call the webhook of a Service. */
export function serviceName(name: string, namespace: string): string {
  return `${name}.${namespace}.svc`;
}
