import { compare, type FieldSet, fieldsOf, merged, withNamedParents, without } from "./field-set.ts";
import type { JsonObject, Shape } from "./shape.ts";

/** Who owns which fields: by manager, operation and subresource, each of which owns apart from the others. */
export type Owners = ReadonlyMap<string, { readonly manager: Manager; readonly fields: FieldSet }>;

export interface Manager {
  readonly name: string;
  readonly operation: "Apply" | "Update";
  readonly subresource: "status" | "";
}

/** A field that an apply would take from another manager. */
export interface FieldConflict {
  readonly manager: Manager;
  readonly field: string;
}

export class FieldConflictError extends Error {
  override readonly name = "FieldConflictError";
  readonly conflicts: readonly FieldConflict[];

  constructor(conflicts: readonly FieldConflict[]) {
    super(conflicts.map(({ manager, field }) => `${manager.name}: ${field}`).join(", "));
    this.conflicts = conflicts;
  }
}

interface Owned {
  readonly object: JsonObject;
  readonly owners: Owners;
}

/**
 * Server-side apply: lays the configuration over the live object, takes away what this manager had applied before and does not
 * name any more unless others own it too, and notes who owns what.
 *
 * @throws FieldConflictError when a field would change that another manager owns, unless it is forced
 */
export function applyConfiguration(
  live: Owned,
  config: JsonObject,
  { shape, manager, force }: { shape: Shape; manager: Manager; force: boolean },
): Owned {
  const key = keyOf(manager);
  const last = live.owners.get(key)?.fields ?? new Set<string>();
  const owners = new Map(live.owners);
  owners.set(key, { manager, fields: fieldsOf(config, shape) });
  const laid = (merged(live.object, config, shape) ?? {}) as JsonObject;
  const object = pruned(laid, { last, owners, shape, key });
  return { object, owners: afterChange(live.object, object, { owners, shape, key, force }) };
}

/** Any other write: what it changes, its manager owns from then on, whoever owned it before. */
export function noteUpdate(
  live: Owned,
  object: JsonObject,
  { shape, manager }: { shape: Shape; manager: Manager },
): Owners {
  const key = keyOf(manager);
  const { added, modified, removed } = compare(live.object, object, shape);
  if (added.size + modified.size + removed.size === 0) return live.owners;
  const owners = new Map(afterChange(live.object, object, { owners: live.owners, shape, key, force: true }));
  const own = live.owners.get(key)?.fields ?? new Set<string>();
  const fields = own.difference(removed).union(modified).union(added);
  fields.delete("");
  if (fields.size > 0) owners.set(key, { manager, fields });
  return owners;
}

function keyOf({ name, operation, subresource }: Manager): string {
  return `${name}/${operation}/${subresource}`;
}

/** What of the last configuration is neither in the new one nor anybody else's goes. */
function pruned(
  object: JsonObject,
  { last, owners, shape, key }: { last: FieldSet; owners: Owners; shape: Shape; key: string },
): JsonObject {
  if (last.isSubsetOf(owners.get(key)?.fields ?? new Set())) return object;
  // What nobody owns stays where it is, with what leads to it.
  const staying = fieldsOf(object, shape).difference(last);
  for (const { fields } of owners.values()) for (const field of fields) staying.add(field);
  const kept = withNamedParents(staying, object, shape);
  const going = withNamedParents(last, object, shape).difference(kept);
  return (without(object, shape, { fields: going }) ?? {}) as JsonObject;
}

function afterChange(
  before: JsonObject,
  after: JsonObject,
  { owners, shape, key, force }: { owners: Owners; shape: Shape; key: string; force: boolean },
): Owners {
  const { added, modified, removed } = compare(before, after, shape);
  const changed = added.union(modified);
  const conflicts = [...owners]
    .filter(([other]) => other !== key)
    .flatMap(([, { manager, fields }]) =>
      [...fields.intersection(changed)].map((field) => ({ manager, field })),
    );
  if (conflicts.length > 0 && !force) throw new FieldConflictError(conflicts);
  const result = new Map<string, { manager: Manager; fields: FieldSet }>();
  for (const [other, { manager, fields }] of owners) {
    const left = (other === key ? fields : fields.difference(changed)).difference(removed);
    if (left.size > 0) result.set(other, { manager, fields: left });
  }
  return result;
}
