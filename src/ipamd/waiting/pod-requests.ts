import { ENI_IP_RESOURCE } from "../../api/extended-resources.ts";
import type { Container } from "../../kube/core-resources.ts";
import { type Amounts, amountsOf, mostOf, sumOf } from "./amounts.ts";

/** Of a pod's spec, what its requests are computed from. */
export interface RequestingSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly (Container & { readonly restartPolicy?: string })[];
  readonly overhead?: Readonly<Record<string, string>>;
  /** Of the pod as a whole; wins over the containers' for the resources that it names. */
  readonly resources?: Container["resources"];
}

/**
 * What the scheduler sets aside for a pod: the sum of its containers and sidecars, or what an init container needs beside the
 * sidecars begun before it if that is more; pod-level requests instead where there are any; and the overhead. Addresses are left
 * out: they are what is to grow.
 */
export function podRequests(spec: RequestingSpec): Amounts {
  let sidecars: Amounts = {};
  let starting: Amounts = {};
  for (const container of spec.initContainers ?? []) {
    const wanted = requestsOf(container.resources);
    // An init container that restarts is a sidecar: it runs on beside all that follows.
    if (container.restartPolicy === "Always") sidecars = sumOf(sidecars, wanted);
    else starting = mostOf(starting, sumOf(sidecars, wanted));
  }
  const running = sumOf(sidecars, ...spec.containers.map((container) => requestsOf(container.resources)));
  const ofContainers = mostOf(running, starting);
  const whole = { ...ofContainers, ...requestsOf(spec.resources) };
  const { [ENI_IP_RESOURCE]: _addresses, ...wanted } = sumOf(whole, amountsOf(spec.overhead));
  return wanted;
}

/** A limit without a request is a request. */
function requestsOf(resources: Container["resources"]): Amounts {
  return amountsOf({ ...resources?.limits, ...resources?.requests });
}
