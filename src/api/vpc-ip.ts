import { z } from "zod";
import { Conditions } from "./condition.ts";
import type { CustomResource } from "./custom-resource.ts";
import { GROUP, VERSION } from "./group.ts";
import type { KubeObject } from "./kube-object.ts";
import { Reclaim } from "./reclaim.ts";

export const VpcIPSpec = z.object({
  type: z.enum(["Pod"]).default("Pod").describe("Whom the address serves."),
  subnetID: z.string().describe("Subnet of the address."),
  eniID: z.string().describe("ENI that the address is assigned to."),
  node: z.string().describe("Node whose agent may give the address to a pod."),
  instanceID: z
    .string()
    .describe("Instance behind that Node: another machine under the same name is another holder."),
  claim: z
    .string()
    .optional()
    .describe("namespace/name of the VpcIPClaim whose address it is: it is for the pod of that name alone."),
  reclaim: Reclaim.optional(),
});
export type VpcIPSpec = z.infer<typeof VpcIPSpec>;

export const VpcIPStatus = z.object({
  cloud: z
    .object({
      state: z.enum(["Assigned", "Releasing"]).describe("What the cloud was last seen to say."),
      since: z.iso.datetime(),
    })
    .optional()
    .describe("Written by ipamd."),
  use: z
    .object({
      state: z
        .enum(["Free", "InUse", "CoolingDown", "Reclaimable", "Refused"])
        .describe("Reclaimable and Refused answer the token beside them; Reclaimable is a one-way door."),
      token: z.string().optional().describe("The reclaim token that is answered."),
      pod: z.string().optional().describe("namespace/name of the holder."),
      containerID: z.string().optional().describe("Sandbox of the holder."),
      since: z.iso.datetime(),
    })
    .optional()
    .describe("Written by the agent of the node."),
  conditions: Conditions.optional(),
});
export type VpcIPStatus = z.infer<typeof VpcIPStatus>;

export type VpcIP = KubeObject<VpcIPSpec, VpcIPStatus>;

/** Finalizer of VpcIP, VpcENI and EIPClaim: gone only after the cloud has confirmed the release. */
export const CLOUD_FINALIZER = `${GROUP}/cloud`;

export const VPC_IP = {
  group: GROUP,
  version: VERSION,
  kind: "VpcIP",
  plural: "vpcips",
  singular: "vpcip",
  shortName: "vip",
  namespaced: false,
  description: "One address of the VPC that is assigned to an ENI of this cluster. Its name is the address.",
  spec: VpcIPSpec,
  status: VpcIPStatus,
  columns: [
    { name: "Node", type: "string", jsonPath: ".spec.node", description: "Node that may use it" },
    { name: "ENI", type: "string", jsonPath: ".spec.eniID", description: "ENI that it is assigned to" },
    { name: "Subnet", type: "string", jsonPath: ".spec.subnetID", description: "Subnet of the address" },
    { name: "Use", type: "string", jsonPath: ".status.use.state", description: "What the node's agent says" },
    { name: "Pod", type: "string", jsonPath: ".status.use.pod", description: "Pod that holds it" },
    { name: "Cloud", type: "string", jsonPath: ".status.cloud.state", description: "What the cloud says" },
    {
      name: "Age",
      type: "date",
      jsonPath: ".metadata.creationTimestamp",
      description: "Since it was assigned",
    },
  ],
  selectableFields: [".spec.node", ".spec.eniID"],
  rules: [
    {
      rule: "isIP(self.metadata.name) || self.metadata.name.matches('^([0-9a-f]{4}-){7}[0-9a-f]{4}$')",
      message: "the name of a VpcIP is its address; an IPv6 one is fully expanded, with dashes",
    },
    { rule: "self.spec.subnetID == oldSelf.spec.subnetID", message: "an address cannot change its subnet" },
  ],
} as const satisfies CustomResource;
