import { z } from "zod";
import { Conditions } from "./condition.ts";
import type { CustomResource } from "./custom-resource.ts";
import { GROUP, VERSION } from "./group.ts";
import type { KubeObject } from "./kube-object.ts";

export const EIPClaimSpec = z.object({
  eipID: z.string().optional().describe("The elastic IP, once it is known."),
  policy: z.enum(["Immediate", "Never"]).describe("Never: the EIP stays under this name when the pod goes."),
  owned: z.boolean().describe("Whether it was allocated for this claim, and so is released with it."),
});
export type EIPClaimSpec = z.infer<typeof EIPClaimSpec>;

export const EIPClaimStatus = z.object({
  state: z.enum(["Pending", "Bound", "Kept", "Releasing"]).optional(),
  publicIP: z.string().optional(),
  privateIP: z.string().optional().describe("Address of the pod that it is bound to."),
  node: z.string().optional(),
  conditions: Conditions.optional(),
});
export type EIPClaimStatus = z.infer<typeof EIPClaimStatus>;

export type EIPClaim = KubeObject<EIPClaimSpec, EIPClaimStatus>;

export const EIP_CLAIM = {
  group: GROUP,
  version: VERSION,
  kind: "EIPClaim",
  plural: "eipclaims",
  singular: "eipclaim",
  shortName: "eipc",
  namespaced: true,
  description: "An elastic IP and whose it is. Its name is the pod's.",
  spec: EIPClaimSpec,
  status: EIPClaimStatus,
  columns: [
    { name: "Public", type: "string", jsonPath: ".status.publicIP", description: "The elastic IP" },
    {
      name: "Address",
      type: "string",
      jsonPath: ".status.privateIP",
      description: "Pod address that it is bound to",
    },
    {
      name: "EIP",
      type: "string",
      jsonPath: ".spec.eipID",
      description: "Id of the elastic IP",
      priority: 1,
    },
    { name: "Node", type: "string", jsonPath: ".status.node", description: "Where the pod is" },
    { name: "Policy", type: "string", jsonPath: ".spec.policy", description: "Whether it outlives its pod" },
    {
      name: "State",
      type: "string",
      jsonPath: ".status.state",
      description: "Pending, Bound, Kept or Releasing",
    },
    {
      name: "Age",
      type: "date",
      jsonPath: ".metadata.creationTimestamp",
      description: "Since it was claimed",
    },
  ],
  selectableFields: [".status.node"],
  rules: [],
} as const satisfies CustomResource;
