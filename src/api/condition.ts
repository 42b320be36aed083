import { z } from "zod";

/** A condition as Kubernetes has them; lists of them merge by `type`, so that each writer keeps its own. */
export const Condition = z.object({
  type: z.string().describe("What the condition is about."),
  status: z.enum(["True", "False", "Unknown"]),
  reason: z.string().describe("One word for programs."),
  message: z.string().describe("One sentence for people: the values at fault and the next step."),
  lastTransitionTime: z.iso.datetime().describe("When `status` changed last."),
  observedGeneration: z.number().int().optional(),
});
export type Condition = z.infer<typeof Condition>;

export const Conditions = z
  .array(Condition)
  .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] });
