import { z } from "zod";
import { Conditions } from "./condition.ts";
import type { CustomResource } from "./custom-resource.ts";
import { GROUP, VERSION } from "./group.ts";
import type { KubeObject } from "./kube-object.ts";
import { Reclaim } from "./reclaim.ts";

export const VpcENISpec = z.object({
  type: z.enum(["Shared"]).default("Shared").describe("Shared: pods use its secondary addresses."),
  node: z.string().describe("Node that it serves."),
  instanceID: z.string().describe("Instance that it is, or is to be, attached to."),
  mac: z
    .string()
    .regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/)
    .describe("By this the agent finds the link."),
  subnetID: z.string(),
  subnetCIDR: z.string(),
  gateway: z.string().describe("First address of the subnet: next hop of all that leaves by this ENI."),
  primaryIP: z.string().describe("The ENI's own address; never given to a pod."),
  intent: z.enum(["Attached", "Released"]).describe("What ipamd is working towards."),
  reclaim: Reclaim.optional(),
});
export type VpcENISpec = z.infer<typeof VpcENISpec>;

export const VpcENIStatus = z.object({
  cloud: z
    .object({
      state: z
        .enum(["Pending", "Available", "Attaching", "Attached", "Detaching", "Deleting"])
        .describe("What the cloud was last seen to say."),
      addresses: z.number().int().describe("Secondary addresses assigned."),
      usage: z.string().describe("Secondary addresses assigned / possible."),
      since: z.iso.datetime(),
      unassigned: z
        .array(z.object({ address: z.string(), until: z.iso.datetime() }))
        .optional()
        .describe(
          "Addresses that were taken off it, each not to be used on it again before that time: the call that took it off, sent twice, might " +
            "come late. Those whose time is over go with the next one.",
        ),
    })
    .optional()
    .describe("Written by ipamd."),
  use: z
    .object({
      state: z
        .enum(["Ready", "NoLink", "LinkDown", "Reclaimable", "Refused"])
        .describe(
          "Ready: link, address, table and rules are in place. Reclaimable and Refused answer the token.",
        ),
      token: z.string().optional().describe("The reclaim token that is answered."),
      ifName: z.string().optional(),
      table: z.number().int().optional().describe("Routing table of the ENI, and group of its pods' veths."),
      since: z.iso.datetime(),
    })
    .optional()
    .describe("Written by the agent of the node."),
  conditions: Conditions.optional(),
});
export type VpcENIStatus = z.infer<typeof VpcENIStatus>;

export type VpcENI = KubeObject<VpcENISpec, VpcENIStatus>;

export const VPC_ENI = {
  group: GROUP,
  version: VERSION,
  kind: "VpcENI",
  plural: "vpcenis",
  singular: "vpceni",
  shortName: "veni",
  namespaced: false,
  description: "One elastic network interface of this cluster. Its name is the ENI's id.",
  spec: VpcENISpec,
  status: VpcENIStatus,
  columns: [
    { name: "Node", type: "string", jsonPath: ".spec.node", description: "Node that it serves" },
    { name: "Instance", type: "string", jsonPath: ".spec.instanceID", description: "Instance", priority: 1 },
    { name: "Subnet", type: "string", jsonPath: ".spec.subnetID", description: "Subnet of its addresses" },
    { name: "MAC", type: "string", jsonPath: ".spec.mac", description: "MAC address", priority: 1 },
    { name: "Primary", type: "string", jsonPath: ".spec.primaryIP", description: "Its own address" },
    {
      name: "Addresses",
      type: "string",
      jsonPath: ".status.cloud.usage",
      description: "Secondary addresses assigned / possible",
    },
    { name: "Cloud", type: "string", jsonPath: ".status.cloud.state", description: "What the cloud says" },
    { name: "Link", type: "string", jsonPath: ".status.use.ifName", description: "Interface on the node" },
    { name: "Use", type: "string", jsonPath: ".status.use.state", description: "What the node's agent says" },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Since it was made" },
  ],
  selectableFields: [".spec.node"],
  rules: [
    { rule: "self.spec.mac == oldSelf.spec.mac", message: "an ENI cannot change its MAC address" },
    { rule: "self.spec.subnetID == oldSelf.spec.subnetID", message: "an ENI cannot change its subnet" },
  ],
} as const satisfies CustomResource;
