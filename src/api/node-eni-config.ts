import { z } from "zod";
import { Conditions } from "./condition.ts";
import type { CustomResource } from "./custom-resource.ts";
import { GROUP, VERSION } from "./group.ts";
import type { KubeObject } from "./kube-object.ts";

export const NodeENIConfigSpec = z.object({
  securityGroups: z
    .array(z.string())
    .optional()
    .describe("Security groups of the node's ENIs, first one strongest."),
  maxRouteENI: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe("At most this many shared ENIs; below the quota only."),
  maxIPPerENI: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe("At most this many secondary addresses an ENI; below the quota only."),
});
export type NodeENIConfigSpec = z.infer<typeof NodeENIConfigSpec>;

export const EniInfo = z.object({
  eniID: z.string(),
  mac: z.string(),
  subnetID: z.string(),
  subnetCIDR: z.string(),
  primaryIP: z.string(),
  addresses: z
    .number()
    .int()
    .describe("Secondary addresses that the cloud has on it, those that are on their way back included."),
  inUse: z.number().int().optional().describe("Of these, addresses that pods hold, as the agent says."),
});
export type EniInfo = z.infer<typeof EniInfo>;

export const NodeENIConfigStatus = z.object({
  instanceID: z.string().optional().describe("Instance behind the Node."),
  instanceType: z.string().optional(),
  zone: z.string().optional(),
  quota: z
    .object({
      enis: z.number().int().describe("ENIs of the instance, its primary one included."),
      addressesPerENI: z.number().int().describe("Addresses of an ENI, its primary one included."),
    })
    .optional()
    .describe("DescribeNetworkInterfaceLimit of the instance."),
  limit: z
    .object({
      enis: z.number().int().describe("Shared ENIs that the node may have."),
      addressesPerENI: z.number().int().describe("Secondary addresses that an ENI may have."),
      addresses: z.number().int().describe("Secondary addresses that the node may have in all."),
    })
    .optional()
    .describe("What quota, annotations and maxPods allow."),
  warm: z
    .object({
      min: z.number().int().describe("At least this many addresses beyond the pods."),
      max: z.number().int().describe("At most this many addresses beyond the pods."),
    })
    .optional()
    .describe("Warm target in force."),
  disabled: z.boolean().optional().describe("The annotation disable-node-eni, as it was last accepted."),
  subnetIDs: z
    .array(z.string())
    .optional()
    .describe("The label route-eni-subnet-ids, as it was last accepted."),
  eniInfos: z
    .array(EniInfo)
    .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["eniID"] })
    .optional(),
  creating: z
    .object({
      nonce: z.string().describe("In the name and the tags of the ENI that is being made."),
      subnetID: z.string(),
      addresses: z.number().int().describe("Secondary addresses that it is made with."),
      since: z.iso.datetime(),
    })
    .optional()
    .describe("Intent to make an ENI, written before the call: a lost answer is found by its nonce."),
  enis: z.string().optional().describe("Shared ENIs attached / possible."),
  addresses: z
    .string()
    .optional()
    .describe(
      "Secondary addresses on the ENIs / possible. Also counts what pods cannot have: addresses that are asked back, on their way back, or " +
        "were given back in the last minutes and are not used again yet. What pods have and can have is in `use`.",
    ),
  room: z
    .number()
    .int()
    .optional()
    .describe(
      "Addresses that the node could still get beyond those it has: quota, limits, maxPods and what the subnets have left.",
    ),
  slots: z
    .number()
    .int()
    .optional()
    .describe(
      "Slots of `eni-ip` to be offered whatever addresses there are: with fixed addresses the scheduler's extender counts addresses, and " +
        "each comes with its pod. Absent: as many as there are addresses, and one more while there is room.",
    ),
  demand: z.number().int().optional().describe("Pods on the node that need an address."),
  waiting: z.number().int().optional().describe("Pods that found no node and for which this node grows."),
  use: z
    .object({
      inUse: z.number().int().describe("Addresses that pods hold."),
      free: z.number().int().describe("Addresses ready to be given."),
      coolingDown: z.number().int(),
      allocatable: z.number().int().describe("`eni-ip` offered to the kubelet."),
    })
    .optional()
    .describe("Written by the agent of the node."),
  conditions: Conditions.optional(),
});
export type NodeENIConfigStatus = z.infer<typeof NodeENIConfigStatus>;

export type NodeENIConfig = KubeObject<NodeENIConfigSpec, NodeENIConfigStatus>;

export const NODE_ENI_CONFIG = {
  group: GROUP,
  version: VERSION,
  kind: "NodeENIConfig",
  plural: "nodeeniconfigs",
  singular: "nodeeniconfig",
  shortName: "nec",
  namespaced: false,
  description:
    "ENIs and addresses of one node: limits that users set, and what is there. Its name is the node's.",
  spec: NodeENIConfigSpec,
  status: NodeENIConfigStatus,
  columns: [
    {
      name: "Instance",
      type: "string",
      jsonPath: ".status.instanceID",
      description: "Instance behind the node",
    },
    { name: "Zone", type: "string", jsonPath: ".status.zone", description: "Zone of the instance" },
    {
      name: "ENIs",
      type: "string",
      jsonPath: ".status.enis",
      description: "Shared ENIs attached / possible",
    },
    {
      name: "Addresses",
      type: "string",
      jsonPath: ".status.addresses",
      description: "Addresses on the ENIs, those on their way back included / possible",
    },
    {
      name: "Room",
      type: "integer",
      jsonPath: ".status.room",
      description: "Addresses that the node could still get",
      priority: 1,
    },
    { name: "Pods", type: "integer", jsonPath: ".status.demand", description: "Pods that need an address" },
    {
      name: "Waiting",
      type: "integer",
      jsonPath: ".status.waiting",
      description: "Pods that found no node and for which this node grows",
      priority: 1,
    },
    {
      name: "In Use",
      type: "integer",
      jsonPath: ".status.use.inUse",
      description: "Addresses that pods hold",
    },
    {
      name: "Free",
      type: "integer",
      jsonPath: ".status.use.free",
      description: "Addresses ready to be given",
    },
    {
      name: "Ready",
      type: "string",
      jsonPath: ".status.conditions[?(@.type=='Ready')].status",
      description: "Whether pods get addresses here",
    },
    {
      name: "Reason",
      type: "string",
      jsonPath: ".status.conditions[?(@.type=='Ready')].reason",
      description: "Why (not)",
    },
    {
      name: "Age",
      type: "date",
      jsonPath: ".metadata.creationTimestamp",
      description: "Since the node joined",
    },
  ],
  selectableFields: [],
  rules: [],
} as const satisfies CustomResource;
