import { z } from "zod";
import { Conditions } from "./condition.ts";
import type { CustomResource } from "./custom-resource.ts";
import { GROUP, VERSION } from "./group.ts";
import type { KubeObject } from "./kube-object.ts";

export const VpcSubnetSpec = z.object({
  vpcID: z.string(),
  zone: z.string(),
  cidr: z.string(),
});
export type VpcSubnetSpec = z.infer<typeof VpcSubnetSpec>;

export const VpcSubnetStatus = z.object({
  state: z
    .enum(["Active", "Disabled", "Draining"])
    .optional()
    .describe("Whether new addresses are taken from it."),
  total: z.number().int().optional().describe("Addresses that the subnet can give in all."),
  free: z.number().int().optional().describe("Addresses left at the time of reading."),
  readAt: z.iso.datetime().optional().describe("When the cloud said so."),
  conditions: Conditions.optional(),
});
export type VpcSubnetStatus = z.infer<typeof VpcSubnetStatus>;

export type VpcSubnet = KubeObject<VpcSubnetSpec, VpcSubnetStatus>;

export const VPC_SUBNET = {
  group: GROUP,
  version: VERSION,
  kind: "VpcSubnet",
  plural: "vpcsubnets",
  singular: "vpcsubnet",
  shortName: "vsub",
  namespaced: false,
  description: "A subnet that pods get addresses from. Its name is the subnet's id.",
  spec: VpcSubnetSpec,
  status: VpcSubnetStatus,
  columns: [
    { name: "Zone", type: "string", jsonPath: ".spec.zone", description: "Zone" },
    { name: "CIDR", type: "string", jsonPath: ".spec.cidr", description: "Addresses" },
    {
      name: "State",
      type: "string",
      jsonPath: ".status.state",
      description: "Whether new addresses are taken from it",
    },
    { name: "Free", type: "integer", jsonPath: ".status.free", description: "Addresses left" },
    { name: "Total", type: "integer", jsonPath: ".status.total", description: "Addresses in all" },
    {
      name: "Cloud",
      type: "string",
      jsonPath: ".status.conditions[?(@.type=='CloudAccess')].reason",
      description: "Whether the cloud does what ipamd asks of it",
    },
    { name: "Read", type: "date", jsonPath: ".status.readAt", description: "When the cloud said so" },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Since it is used" },
    {
      name: "Drained",
      type: "string",
      jsonPath: ".status.conditions[?(@.type=='Drained')].message",
      description: "Of a subnet that is no longer configured: how far it is, and what to do",
    },
  ],
  selectableFields: [],
  rules: [],
} as const satisfies CustomResource;
