import { z } from "zod";
import { Conditions } from "./condition.ts";
import type { CustomResource } from "./custom-resource.ts";
import { GROUP, VERSION } from "./group.ts";
import type { KubeObject } from "./kube-object.ts";

/** Of a VpcIPClaim, set by whoever makes one: it goes once no pod of the name has the address there. */
export const CLAIM_FINALIZER = `${GROUP}/claim`;

export const VpcIPClaimSpec = z.object({
  address: z.string().max(45).optional().describe("The address; of the policy Never set once."),
  subnetID: z.string().optional().describe("Subnet of the address; fixed once there is one."),
  node: z.string().optional().describe("Where the present pod was sent; written by whoever binds it."),
  podUID: z.string().optional().describe("The present pod."),
  policy: z
    .enum(["Immediate", "Never"])
    .describe("Never: the address stays under this name when the pod goes."),
  expiresAfterSeconds: z
    .number()
    .int()
    .min(300)
    // 99999 hours, as an annotation may say: a date of which everybody can make something.
    .max(359_996_400)
    .optional()
    .describe("How long a kept address outlives its pod; may be changed while it is kept."),
});
export type VpcIPClaimSpec = z.infer<typeof VpcIPClaimSpec>;

export const VpcIPClaimStatus = z.object({
  state: z.enum(["Pending", "Bound", "Kept", "Releasing"]).optional(),
  node: z.string().optional().describe("Where the address is now."),
  podUID: z.string().optional().describe("Pod that holds it; none while it is kept."),
  keptSince: z.iso.datetime().optional().describe("Since when no pod of the name is there."),
  defaultExpiresAfterSeconds: z
    .number()
    .int()
    .optional()
    .describe("How long such an address outlived its pod in this cluster when the pod went; none: for good."),
  expiresAt: z.iso.datetime().optional().describe("When a kept address goes back; none: for good."),
  conditions: Conditions.optional(),
});
export type VpcIPClaimStatus = z.infer<typeof VpcIPClaimStatus>;

export type VpcIPClaim = KubeObject<VpcIPClaimSpec, VpcIPClaimStatus>;

export const VPC_IP_CLAIM = {
  group: GROUP,
  version: VERSION,
  kind: "VpcIPClaim",
  plural: "vpcipclaims",
  singular: "vpcipclaim",
  shortName: "vipc",
  namespaced: true,
  description: "A fixed address and whose it is. Its name is the pod's.",
  spec: VpcIPClaimSpec,
  status: VpcIPClaimStatus,
  columns: [
    { name: "Address", type: "string", jsonPath: ".spec.address", description: "The fixed address" },
    { name: "Subnet", type: "string", jsonPath: ".spec.subnetID", description: "Subnet of the address" },
    { name: "Node", type: "string", jsonPath: ".status.node", description: "Where it is now" },
    { name: "Policy", type: "string", jsonPath: ".spec.policy", description: "Whether it outlives its pod" },
    {
      name: "State",
      type: "string",
      jsonPath: ".status.state",
      description: "Pending, Bound, Kept or Releasing",
    },
    {
      name: "Expires",
      type: "string",
      jsonPath: ".status.expiresAt",
      description: "When a kept address goes back",
    },
    {
      name: "Age",
      type: "date",
      jsonPath: ".metadata.creationTimestamp",
      description: "Since it was claimed",
    },
  ],
  selectableFields: [".spec.address", ".status.node"],
  rules: [
    {
      rule: "!has(self.spec.address) || (isIP(self.spec.address) && ip(self.spec.address).family() == 4)",
      message: "address must be an IPv4 address, such as 10.0.16.20: write one, or none",
    },
    {
      rule: "!has(oldSelf.spec.address) || oldSelf.spec.policy == 'Immediate' || self.spec.?address.orValue('') == oldSelf.spec.address",
      message: "the address that a claim keeps cannot be changed: delete the claim to give it back",
    },
    {
      rule: "!has(oldSelf.spec.address) || oldSelf.spec.policy == 'Immediate' || !has(oldSelf.spec.subnetID) || self.spec.?subnetID.orValue('') == oldSelf.spec.subnetID",
      message: "an address cannot change its subnet: delete the claim to give it back",
    },
  ],
} as const satisfies CustomResource;
