import { z } from "zod";
import { CloudError } from "../vpc/cloud-error.ts";
import type { Eni, Tag } from "../vpc/state.ts";
import { type TagRequest, tagNetworkInterface } from "../vpc/tag-network-interface.ts";
import type { Call } from "./action.ts";
import { readParameters } from "./parameters.ts";
import { accountId } from "./render.ts";

const tagSchema = z.strictObject({
  TagKey: z.string().min(1),
  TagValue: z.string(),
  Category: z.string().optional(),
});
const resourcesSchema = z.array(z.string()).min(1).max(10);

const modifySchema = z.strictObject({
  Resource: z.string(),
  ReplaceTags: z.array(tagSchema).min(1).max(10).optional(),
  DeleteTags: z
    .array(z.strictObject({ TagKey: z.string() }))
    .min(1)
    .max(10)
    .optional(),
});
const tagResourcesSchema = z.strictObject({
  ResourceList: resourcesSchema,
  Tags: z.array(tagSchema).min(1).max(10),
});
const unTagResourcesSchema = z.strictObject({
  ResourceList: resourcesSchema,
  TagKeys: z.array(z.string()).min(1).max(10),
});
const getResourcesSchema = z.strictObject({
  ResourceList: z.array(z.string()).max(10).optional(),
  TagFilters: z
    .array(z.strictObject({ TagKey: z.string(), TagValue: z.array(z.string()).max(10).optional() }))
    .max(6)
    .default([]),
  PaginationToken: z.string().regex(/^\d*$/).default(""),
  MaxResults: z.int().min(1).max(200).default(50),
});

/** ModifyResourceTags. */
export async function modifyResourceTags(call: Call, body: unknown): Promise<object> {
  const { Resource, ReplaceTags, DeleteTags } = readParameters(modifySchema, body);
  if (ReplaceTags === undefined && DeleteTags === undefined) {
    throw new CloudError(
      "MissingParameter",
      "The request is missing a required parameter `ReplaceTags` or `DeleteTags`.",
    );
  }
  const replace = (ReplaceTags ?? []).map(readTag);
  const remove = (DeleteTags ?? []).map((tag) => tag.TagKey);
  const twice = replace.find((tag) => remove.includes(tag.key));
  if (twice !== undefined) {
    throw new CloudError(
      "InvalidParameter",
      `The tag key ${twice.key} is both in ReplaceTags and in DeleteTags.`,
    );
  }
  await tag(call, { eniId: eniIdOf(call, Resource), replace, remove });
  return {};
}

/** TagResources. */
export async function tagResources(call: Call, body: unknown): Promise<object> {
  const { ResourceList, Tags } = readParameters(tagResourcesSchema, body);
  return tagEach(call, ResourceList, { replace: Tags.map(readTag), remove: [] });
}

/** UnTagResources. */
export async function unTagResources(call: Call, body: unknown): Promise<object> {
  const { ResourceList, TagKeys } = readParameters(unTagResourcesSchema, body);
  return tagEach(call, ResourceList, { replace: [], remove: TagKeys });
}

/** GetResources: network interfaces, by name or by tags. */
export async function getResources(call: Call, body: unknown): Promise<object> {
  const request = readParameters(getResourcesSchema, body);
  const named = request.ResourceList?.map((resource) => eniIdOf(call, resource));
  const found = await call.look((state) =>
    [...state.enis.values()]
      .filter((eni) => named?.includes(eni.eniId) ?? true)
      .filter((eni) =>
        request.TagFilters.every((filter) => hasTag(eni, { key: filter.TagKey, values: filter.TagValue })),
      ),
  );
  const start = Number(request.PaginationToken);
  const end = named === undefined ? start + request.MaxResults : found.length;
  return {
    PaginationToken: end < found.length ? String(end) : "",
    ResourceTagMappingList: found.slice(start, end).map((eni) => ({
      Resource: `qcs::vpc:${call.region}:uin/${accountId}:eni/${eni.eniId}`,
      Tags: eni.tags.map(({ key, value }) => ({ TagKey: key, TagValue: value, Category: "Custom" })),
    })),
  };
}

async function tagEach(
  call: Call,
  resources: readonly string[],
  change: Omit<TagRequest, "eniId">,
): Promise<object> {
  const failed: object[] = [];
  for (const resource of resources) {
    try {
      await tag(call, { eniId: eniIdOf(call, resource), ...change });
    } catch (error) {
      if (!(error instanceof CloudError)) {
        throw error;
      }
      failed.push({ Resource: resource, Code: error.code, Message: error.message });
    }
  }
  return { FailedResources: failed };
}

async function tag(call: Call, request: TagRequest): Promise<void> {
  await call.run((state) => tagNetworkInterface(state, request));
}

/** Takes the id out of `qcs::vpc:ap-sim:uin/100000000001:eni/eni-k3v9x0ab`; the account may be left out. */
function eniIdOf(call: Call, resource: string): string {
  const match = /^qcs::vpc:([^:]*):(?:uin\/\d*)?:eni\/(eni-[0-9a-z]+)$/.exec(resource);
  const [, region, eniId] = match ?? [];
  if (eniId === undefined) {
    throw new CloudError(
      "InvalidParameterValue.ResourceDescriptionError",
      `The resource "${resource}" is not of the form qcs::vpc:REGION:uin/ACCOUNT:eni/ENI.`,
    );
  }
  if (region !== call.region) {
    throw new CloudError(
      "InvalidParameterValue.RegionInvalid",
      `The resource "${resource}" is not in ${call.region}.`,
    );
  }
  return eniId;
}

function readTag(it: z.infer<typeof tagSchema>): Tag {
  return { key: it.TagKey, value: it.TagValue };
}

function hasTag(eni: Eni, wanted: { key: string; values: readonly string[] | undefined }): boolean {
  const tag = eni.tags.find((it) => it.key === wanted.key);
  return (
    tag !== undefined &&
    (wanted.values === undefined || wanted.values.length === 0 || wanted.values.includes(tag.value))
  );
}
