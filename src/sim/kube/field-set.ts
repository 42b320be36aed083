import { ANY, isList, isObject, type Json, type JsonObject, LEAF, type Shape } from "./shape.ts";

/** Paths of fields as conflicts name them: `.spec.node`, `.status.conditions[type="Ready"].status`. */
export type FieldSet = ReadonlySet<string>;

/** The shape of a field of an object; undefined where the value is no object to be owned in parts. */
function fieldShape(shape: Shape, name: string): Shape | undefined {
  switch (shape.kind) {
    case "object":
      return shape.fields.get(name) ?? shape.rest ?? ANY;
    case "any":
      return ANY;
    default:
      return undefined;
  }
}

/** Whether the type names the field, so that owning something below it is owning it. */
function isNamed(shape: Shape, name: string): boolean {
  return shape.kind === "object" && shape.fields.has(name);
}

/** Whether a value is owned by its parts. */
function hasParts(shape: Shape, value: Json | undefined): boolean {
  switch (shape.kind) {
    case "object":
    case "any":
      return isObject(value);
    case "map-list":
    case "set":
      return isList(value);
    case "leaf":
      return false;
  }
}

/** The items of an associative list with the last part of their paths. */
export function itemsOf(shape: Shape, list: readonly Json[]): { part: string; item: Json }[] {
  if (shape.kind === "set") return list.map((item) => ({ part: `[=${JSON.stringify(item)}]`, item }));
  if (shape.kind !== "map-list") return [];
  return list.map((item) => {
    const keys = shape.keys.map((key) => `${key}=${JSON.stringify(isObject(item) ? item[key] : undefined)}`);
    return { part: `[${keys.join(",")}]`, item };
  });
}

export function itemShape(shape: Shape): Shape {
  return shape.kind === "map-list" ? shape.item : LEAF;
}

/** Whether two items of an associative list of the value have the same keys. */
export function hasTwins(value: Json | undefined, shape: Shape): boolean {
  if (!hasParts(shape, value)) return false;
  if (isList(value)) {
    const items = itemsOf(shape, value);
    const isTwin = new Set(items.map(({ part }) => part)).size < items.length;
    return isTwin || items.some(({ item }) => hasTwins(item, itemShape(shape)));
  }
  return Object.entries(value as JsonObject).some(([name, field]) =>
    hasTwins(field, fieldShape(shape, name) ?? LEAF),
  );
}

/** The fields that a configuration names: its leaves, and each item of an associative list. */
export function fieldsOf(value: Json | undefined, shape: Shape): Set<string> {
  const fields = new Set<string>();
  collect(value, shape, { path: "", fields });
  return fields;
}

function collect(
  value: Json | undefined,
  shape: Shape,
  { path, fields }: { path: string; fields: Set<string> },
): void {
  if (value === undefined) return;
  if (!hasParts(shape, value)) {
    fields.add(path);
    return;
  }
  if (isList(value)) {
    for (const { part, item } of itemsOf(shape, value)) {
      collect(item, itemShape(shape), { path: path + part, fields });
      fields.add(path + part);
    }
    return;
  }
  for (const [name, field] of Object.entries(value as JsonObject)) {
    if (field === undefined) continue;
    const below = `${path}.${name}`;
    collect(field, fieldShape(shape, name) ?? LEAF, { path: below, fields });
    if (field === null || (isObject(field) && Object.keys(field).length === 0) || !isNamed(shape, name)) {
      fields.add(below);
    }
  }
}

/** The set, with the named fields that lead to its members. */
export function withNamedParents(fields: FieldSet, value: Json | undefined, shape: Shape): Set<string> {
  const result = new Set(fields);
  parents(value, shape, { path: "", fields, result });
  return result;
}

/** @returns whether something at or below the path is a member */
function parents(
  value: Json | undefined,
  shape: Shape,
  { path, fields, result }: { path: string; fields: FieldSet; result: Set<string> },
): boolean {
  let found = fields.has(path);
  if (!hasParts(shape, value)) return found;
  if (isList(value)) {
    for (const { part, item } of itemsOf(shape, value)) {
      if (parents(item, itemShape(shape), { path: path + part, fields, result })) found = true;
    }
    return found;
  }
  for (const [name, field] of Object.entries(value as JsonObject)) {
    const below = `${path}.${name}`;
    if (!parents(field, fieldShape(shape, name) ?? LEAF, { path: below, fields, result })) continue;
    if (isNamed(shape, name)) result.add(below);
    found = true;
  }
  return found;
}

/** The value without these fields. What loses all that it had, and stays itself, becomes null, as on the real server. */
export function without(
  value: Json | undefined,
  shape: Shape,
  { fields, path = "" }: { fields: FieldSet; path?: string },
): Json | undefined {
  if (!hasParts(shape, value)) return value;
  if (isList(value)) {
    const kept = itemsOf(shape, value).flatMap(({ part, item }) => {
      if (fields.has(path + part)) return [];
      return [without(item, itemShape(shape), { fields, path: path + part }) ?? null];
    });
    return kept.length === 0 && value.length > 0 ? null : kept;
  }
  const entries = Object.entries(value as JsonObject);
  const kept = entries.flatMap(([name, field]) => {
    const below = `${path}.${name}`;
    if (fields.has(below)) return [];
    return [[name, without(field, fieldShape(shape, name) ?? LEAF, { fields, path: below })] as const];
  });
  return kept.length === 0 && entries.length > 0 ? null : Object.fromEntries(kept);
}

/** How two values differ, field by field. */
export interface Comparison {
  readonly added: Set<string>;
  readonly modified: Set<string>;
  readonly removed: Set<string>;
}

export function compare(before: Json | undefined, after: Json | undefined, shape: Shape): Comparison {
  const comparison = { added: new Set<string>(), modified: new Set<string>(), removed: new Set<string>() };
  compareAt({ before, after }, shape, { path: "", ...comparison });
  return comparison;
}

function compareAt(
  { before, after }: { before: Json | undefined; after: Json | undefined },
  shape: Shape,
  into: Comparison & { path: string },
): void {
  const { path } = into;
  if (before === after) return;
  const parted = hasParts(shape, before ?? after) && hasParts(shape, after ?? before);
  if (!parted) {
    if (before === undefined) into.added.add(path);
    else if (after === undefined) into.removed.add(path);
    else if (!Bun.deepEquals(before, after)) into.modified.add(path);
    return;
  }
  if (before === undefined) into.added.add(path);
  if (after === undefined) into.removed.add(path);
  if (isList(before ?? after)) {
    const [old, now] = [before, after].map((list) => byPart(shape, list as readonly Json[] | undefined));
    for (const part of new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])])) {
      const pair = { before: old?.get(part), after: now?.get(part) };
      compareAt(pair, itemShape(shape), { ...into, path: path + part });
    }
    return;
  }
  const [old, now] = [(before ?? {}) as JsonObject, (after ?? {}) as JsonObject];
  for (const name of new Set([...Object.keys(old), ...Object.keys(now)])) {
    const pair = { before: old[name], after: now[name] };
    compareAt(pair, fieldShape(shape, name) ?? LEAF, { ...into, path: `${path}.${name}` });
  }
}

function byPart(shape: Shape, list: readonly Json[] | undefined): Map<string, Json> {
  return new Map(itemsOf(shape, list ?? []).map(({ part, item }) => [part, item]));
}

/** The live value with a configuration laid over it. */
export function merged(live: Json | undefined, config: Json | undefined, shape: Shape): Json | undefined {
  if (config === undefined) return live;
  if (live === undefined || !hasParts(shape, live) || !hasParts(shape, config)) return config;
  if (isList(live) && isList(config)) return mergedList(live, config, shape);
  const result = new Map(Object.entries(live as JsonObject));
  for (const [name, field] of Object.entries(config as JsonObject)) {
    result.set(name, merged(result.get(name), field, fieldShape(shape, name) ?? LEAF));
  }
  return Object.fromEntries(result);
}

/** Items keep the order of the live list as far as that of the configuration allows it. */
function mergedList(live: readonly Json[], config: readonly Json[], shape: Shape): readonly Json[] {
  const [left, right] = [itemsOf(shape, live), itemsOf(shape, config)];
  const [ofLive, ofConfig] = [byPart(shape, live), byPart(shape, config)];
  const shared = right.filter(({ part }) => ofLive.has(part)).map(({ part }) => part);
  const done = new Set<string>();
  const out: Json[] = [];
  let nextShared = shared.shift();
  const take = (part: string) => {
    const item = merged(ofLive.get(part), ofConfig.get(part), itemShape(shape));
    if (item !== undefined) out.push(item);
    if (ofConfig.has(part)) done.add(part);
  };
  for (let l = 0, r = 0; l < left.length || r < right.length; ) {
    const [ours, theirs] = [left[l]?.part, right[r]?.part];
    if (ours !== undefined && ours === theirs) {
      take(ours);
      l++;
      r++;
      nextShared = shared.shift();
      continue;
    }
    if (
      ours !== undefined &&
      theirs !== undefined &&
      ofConfig.has(ours) &&
      nextShared !== undefined &&
      nextShared !== ours
    ) {
      l++;
      continue;
    }
    if (ours !== undefined && !ofConfig.has(ours)) {
      take(ours);
      l++;
      continue;
    }
    if (ours !== undefined && done.has(ours)) l++;
    if (theirs !== undefined) {
      take(theirs);
      r++;
      if (nextShared === theirs) nextShared = shared.shift();
    }
  }
  return out;
}
