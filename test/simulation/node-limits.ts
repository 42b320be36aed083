import { NEC_ANNOTATIONS, NODE_ANNOTATIONS } from "../../src/api/annotations.ts";
import { textAt } from "../../src/sim/kube/served-kind.ts";
import type { JsonObject } from "../../src/sim/kube/shape.ts";
import type { Host, World } from "./world.ts";

/** What people have set for a node, and its machine's quota. */
export interface NodeLimits {
  readonly warm: { readonly min: number; readonly max: number };
  readonly disabled: boolean;
  /** Secondary addresses that one ENI may have; undefined where it may be more, because pods hold more. */
  readonly addressesPerEni: number | undefined;
  /** ENIs for pods that the node may have at least. */
  readonly enis: number;
  /** Secondary addresses that the node may have at least, and at most: a limit below what pods hold may be in force or not. */
  readonly least: number;
  readonly most: number;
}

/** What is to be in force for a node when all has settled. */
export function limitsOf(world: World, { machine }: Host): NodeLimits {
  const { nodeName, instanceId } = machine;
  const config = named(world.server.objects("nodeeniconfigs"), nodeName);
  const node = named(world.server.objects("nodes"), nodeName);
  const type = world.cloud.simulator.state.instances.get(instanceId)?.type;
  const enis = (type?.eniQuota ?? 1) - 1;
  const perEni = (type?.addressesPerEni ?? 1) - 1;
  const held = [...machine.links.values()]
    .map(
      ({ addresses }) => [...machine.veths.values()].filter(({ address }) => addresses.has(address)).length,
    )
    .filter((count) => count > 0);
  const maxEnis = limit(config, { key: NEC_ANNOTATIONS.maxEnis, quota: enis, inUse: held.length });
  const maxPerEni = limit(config, {
    key: NEC_ANNOTATIONS.maxAddressesPerEni,
    quota: perEni,
    inUse: Math.max(0, ...held),
  });
  const [min, max] = [NEC_ANNOTATIONS.minWarm, NEC_ANNOTATIONS.maxWarm].map((key) => annotation(config, key));
  const disabled = annotation(node, NODE_ANNOTATIONS.disabled) === "true";
  return {
    warm: min === undefined || max === undefined ? world.warm : { min: Number(min), max: Number(max) },
    disabled,
    addressesPerEni: maxPerEni.least === maxPerEni.most ? maxPerEni.most : undefined,
    enis: maxEnis.least,
    least: disabled ? 0 : maxEnis.least * maxPerEni.least,
    most: disabled ? 0 : maxEnis.most * maxPerEni.most,
  };
}

function limit(
  config: JsonObject | undefined,
  { key, quota, inUse }: { key: string; quota: number; inUse: number },
): { least: number; most: number } {
  const value = annotation(config, key);
  if (value === undefined) return { least: quota, most: quota };
  const least = Math.min(Number(value), quota);
  return { least, most: Number(value) >= inUse ? least : quota };
}

function annotation(object: JsonObject | undefined, key: string): string | undefined {
  const { annotations = {} } = (object?.["metadata"] ?? {}) as { annotations?: Record<string, string> };
  return annotations[key];
}

function named(objects: readonly JsonObject[], name: string): JsonObject | undefined {
  return objects.find((object) => textAt(object, "metadata.name") === name);
}
