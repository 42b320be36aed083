import type { KubeObject } from "./kube-object.ts";

/** Where a kind of object lives in the API. A plain value; `T` is the type of its objects. */
export interface Resource<T extends KubeObject> {
  /** API group; empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** Name in the URL, e.g. `nodeeniconfigs`. */
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Carries the type only; never set. */
  readonly objectType?: T;
}

/** `v1`, or `group/version`: the `apiVersion` of the objects of a resource. */
export function apiVersionOf(resource: Resource<KubeObject>): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

/**
 * Path of a collection.
 *
 * @param namespace of a namespaced resource; absent means all namespaces
 * @throws when a cluster-scoped resource is given a namespace
 */
export function collectionPath(resource: Resource<KubeObject>, namespace?: string): string {
  const root = resource.group === "" ? "/api" : `/apis/${resource.group}`;
  if (namespace === undefined) return `${root}/${resource.version}/${resource.plural}`;
  if (!resource.namespaced) {
    throw new TypeError(
      `${resource.plural} are cluster-scoped: ask for them without namespace "${namespace}"`,
    );
  }
  return `${root}/${resource.version}/namespaces/${encodeURIComponent(namespace)}/${resource.plural}`;
}

/**
 * Path of one object.
 *
 * @throws when the name is empty, or a namespaced resource has no namespace: either path would mean the whole collection
 */
export function objectPath(
  resource: Resource<KubeObject>,
  name: string,
  options: { namespace?: string | undefined; subresource?: "status" | undefined } = {},
): string {
  if (name === "") throw new TypeError(`one of ${resource.plural} was asked for by an empty name`);
  if (resource.namespaced && !options.namespace) {
    throw new TypeError(`${resource.plural} are namespaced: name the namespace of "${name}"`);
  }
  const path = `${collectionPath(resource, options.namespace)}/${encodeURIComponent(name)}`;
  return options.subresource === undefined ? path : `${path}/${options.subresource}`;
}

/** `namespace/name`, or the name alone for a cluster-scoped object: the key of an object among its kind. */
export function keyOf(name: string, namespace?: string): string {
  return namespace ? `${namespace}/${name}` : name;
}
