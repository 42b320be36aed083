import { z } from "zod";

/**
 * What kube-scheduler says to an extender and hears from it (k8s.io/kube-scheduler/extender/v1, `types.go`), as far as one reads it that is
 * `nodeCacheCapable`: nodes by name. Go spells the keys with a capital letter and writes `null` for what is not there.
 */
// There may be thousands, at each of whom an array's schema would stop.
const Names = z
  .custom<readonly string[]>(
    (value) => Array.isArray(value) && value.every((name) => typeof name === "string"),
    "it must be a list of names",
  )
  .nullish();

const Pod = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string(),
    uid: z.string(),
    annotations: z.record(z.string(), z.string()).nullish(),
  }),
});
export type ExtenderPod = z.infer<typeof Pod>;

/** Of filter and prioritize. */
export const ExtenderArgs = z.object({ Pod, NodeNames: Names });
export type ExtenderArgs = z.infer<typeof ExtenderArgs>;

export interface ExtenderFilterResult {
  readonly NodeNames: readonly string[];
  /** By node; equal texts are counted into one, so that a text of each node's own would make an enormous one. */
  readonly FailedNodes: Readonly<Record<string, string>>;
  /** The same, for nodes on which it would not help to evict others. */
  readonly FailedAndUnresolvableNodes: Readonly<Record<string, string>>;
  /** Empty: none. With one, the scheduler tries again with a back-off, and tells the pod. */
  readonly Error: string;
}

export interface HostPriority {
  readonly Host: string;
  /** 0 to 10. */
  readonly Score: number;
}

export const ExtenderBindingArgs = z.object({
  PodName: z.string(),
  PodNamespace: z.string(),
  PodUID: z.string(),
  Node: z.string(),
});
export type ExtenderBindingArgs = z.infer<typeof ExtenderBindingArgs>;

export interface ExtenderBindingResult {
  /** Empty: the pod is bound. */
  readonly Error: string;
}

const MetaVictims = z.object({
  Pods: z.array(z.object({ UID: z.string() })).nullish(),
  NumPDBViolations: z.number().nullish(),
});

export const ExtenderPreemptionArgs = z.object({
  Pod,
  NodeNameToMetaVictims: z.record(z.string(), MetaVictims.nullable()).nullish(),
});
export type ExtenderPreemptionArgs = z.infer<typeof ExtenderPreemptionArgs>;

export interface ExtenderPreemptionResult {
  readonly NodeNameToMetaVictims: Readonly<Record<string, z.infer<typeof MetaVictims>>>;
}
