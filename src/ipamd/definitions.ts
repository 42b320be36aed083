import {
  customResourceDefinition,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  SCHEMA,
  SCHEMA_ANNOTATION,
} from "../api/custom-resource-definition.ts";
import { CUSTOM_RESOURCES } from "../api/custom-resources.ts";
import { IPAMD_MANAGER } from "../api/field-managers.ts";
import { type CustomResourceDefinition, customResourceDefinitions } from "../kube/core-resources.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import type { WaitingClock } from "../time/waiting-clock.ts";

/** How long the API server may take to serve a new resource. */
const ESTABLISH_MS = 30_000;

/** What is to be done about a CRD that is there, or not. */
export type DefinitionStep = { apply: true } | { apply: false } | { refuse: string };

/**
 * Whether a CRD may be applied: not over one that is somebody else's, nor over a newer schema, which would drop the fields that
 * a newer ipamd has written.
 */
export function definitionStep(name: string, existing: CustomResourceDefinition | undefined): DefinitionStep {
  if (existing === undefined) return { apply: true };
  if (existing.metadata.labels?.[MANAGED_BY_LABEL] !== MANAGED_BY) {
    return {
      refuse: `the CustomResourceDefinition ${name} exists and is not ours (no label ${MANAGED_BY_LABEL}=${MANAGED_BY}): this cluster seems to run TKE's own VPC-CNI, which must be removed first`,
    };
  }
  const schema = Number(existing.metadata.annotations?.[SCHEMA_ANNOTATION] ?? 0);
  return { apply: schema <= SCHEMA };
}

/**
 * Applies all CRDs and waits until the API server serves them.
 *
 * @throws with one sentence when one of them is somebody else's, or is not served in time
 */
export async function applyDefinitions(kube: KubeClient, clock: WaitingClock): Promise<void> {
  for (const resource of CUSTOM_RESOURCES) {
    const definition = customResourceDefinition(resource);
    const { name } = definition.metadata;
    const step = definitionStep(name, await kube.find(customResourceDefinitions, name));
    if ("refuse" in step) throw new Error(step.refuse);
    if (step.apply) {
      await kube.apply(customResourceDefinitions, definition, { fieldManager: IPAMD_MANAGER, force: true });
    }
  }
  const deadline = clock.monotonic() + ESTABLISH_MS;
  for (const resource of CUSTOM_RESOURCES) {
    const name = `${resource.plural}.${resource.group}`;
    while (!isEstablished(await kube.find(customResourceDefinitions, name))) {
      if (clock.monotonic() > deadline) {
        throw new Error(
          `the API server does not serve ${name} ${ESTABLISH_MS / 1000} s after it was applied: see its conditions`,
        );
      }
      await clock.sleep(100);
    }
  }
}

function isEstablished(definition: CustomResourceDefinition | undefined): boolean {
  return (
    definition?.status?.conditions?.some((c) => c.type === "Established" && c.status === "True") ?? false
  );
}
