import { ENI_IP_RESOURCE } from "../../api/extended-resources.ts";

/** Of a v1.Pod that is about to be made, what decides whether it asks for an address. Nothing is taken for granted: it is not validated yet. */
export interface NewPod {
  readonly metadata?:
    | { readonly annotations?: Readonly<Record<string, string>> | null | undefined }
    | undefined;
  readonly spec: {
    readonly hostNetwork?: boolean | undefined;
    readonly containers?: readonly NewContainer[] | null | undefined;
    readonly initContainers?: readonly NewContainer[] | null | undefined;
  };
}

export interface NewContainer {
  readonly resources?: NewResources | null | undefined;
}

export interface NewResources {
  readonly limits?: Readonly<Record<string, unknown>> | null | undefined;
  readonly requests?: Readonly<Record<string, unknown>> | null | undefined;
}

/** One operation of a JSON patch (RFC 6902); `add` to a member that is there replaces it. */
export interface AddOperation {
  readonly op: "add";
  readonly path: string;
  readonly value: unknown;
}

const MIRROR_POD = "kubernetes.io/config.mirror";
const NETWORKS = "tke.cloud.tencent.com/networks";
const DIRECT_ENI_RESOURCE = "tke.cloud.tencent.com/direct-eni";
/** Whoever asks for one of these has chosen for itself. */
const RESOURCES = [ENI_IP_RESOURCE, DIRECT_ENI_RESOURCE, "tke.cloud.tencent.com/sub-eni"];

/**
 * The request for an address that a new pod lacks: what has its first container ask for one. undefined where nothing is to be added.
 *
 * The same decision is made by the policy in k8s/components/add-request, for Kubernetes 1.36 and later: both are held to one table of cases.
 */
export function addRequest({ metadata, spec }: NewPod): readonly AddOperation[] | undefined {
  const annotations = metadata?.annotations ?? {};
  const containers = spec.containers ?? [];
  const [first] = containers;
  if (first === undefined || spec.hostNetwork === true || MIRROR_POD in annotations) return undefined;
  const resource = resourceFor(annotations[NETWORKS]);
  if (resource === undefined) return undefined;
  if ([...containers, ...(spec.initContainers ?? [])].some(asksForOne)) return undefined;
  const resources = first.resources ?? {};
  const value = {
    ...resources,
    limits: { ...resources.limits, [resource]: "1" },
    requests: { ...resources.requests, [resource]: "1" },
  };
  return [{ op: "add", path: "/spec/containers/0/resources", value }];
}

/**
 * What a pod needs of the networks that it chooses: undefined where none of them is ours. A list of names, of NAME@INTERFACE, or JSON:
 * whatever it is written in, ours are named or not.
 */
function resourceFor(networks: string | undefined): string | undefined {
  if (networks?.includes("tke-direct-eni")) return DIRECT_ENI_RESOURCE;
  return networks === undefined || networks.includes("tke-route-eni") ? ENI_IP_RESOURCE : undefined;
}

function asksForOne({ resources }: NewContainer): boolean {
  return RESOURCES.some((it) => it in (resources?.limits ?? {}) || it in (resources?.requests ?? {}));
}
