import type { KubeClient } from "../kube-client.ts";
import { KubeError } from "../kube-error.ts";
import type { KubeObject } from "../kube-object.ts";
import { keyOf, type Resource } from "../resource.ts";

/** What may happen to a call: it goes well, is never received, or is done without an answer getting back. */
export type Fate = "well" | "never received" | "answer lost";

/** The API server as far as leases and events need it: objects with versions, in memory. */
export interface MemoryClient extends Pick<KubeClient, "find" | "create" | "mergePatch"> {
  /** Objects by `plural/key`. */
  readonly objects: Map<string, KubeObject>;
  /** The calls there were, by their verb. */
  readonly calls: readonly string[];
  fate: Fate;
}

export function createMemoryClient(): MemoryClient {
  const objects = new Map<string, KubeObject>();
  const calls: string[] = [];
  let version = 0;

  const place = (resource: Resource<KubeObject>, name = "", namespace?: string) =>
    `${resource.plural}/${keyOf(name, namespace)}`;

  async function answer<R>(verb: string, act: () => R): Promise<R> {
    calls.push(verb);
    if (client.fate === "never received") throw new KubeError(verb, { status: 0, reason: "Timeout" });
    const result = act();
    if (client.fate === "answer lost") throw new KubeError(verb, { status: 0, reason: "Timeout" });
    return result;
  }

  function store<T extends KubeObject>(at: string, object: object & { metadata: object }): T {
    version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    objects.set(at, stored);
    return stored as unknown as T;
  }

  const client: MemoryClient = {
    objects,
    calls,
    fate: "well",
    find: <T extends KubeObject>(
      resource: Resource<T>,
      name: string,
      options: { namespace?: string | undefined } = {},
    ) => answer("find", () => objects.get(place(resource, name, options.namespace)) as T | undefined),
    create: <T extends KubeObject>(
      resource: Resource<T>,
      object: { metadata: { name: string; namespace?: string } },
    ) =>
      answer("create", () => {
        const at = place(resource, object.metadata.name, object.metadata.namespace);
        if (objects.has(at)) throw new KubeError("exists", { status: 409, reason: "AlreadyExists" });
        return store<T>(at, { ...object, metadata: { ...object.metadata, uid: at } });
      }),
    mergePatch: <T extends KubeObject>(
      resource: Resource<T>,
      name: string,
      options: { namespace?: string | undefined; patch: object },
    ) =>
      answer("mergePatch", () => {
        const at = place(resource, name, options.namespace);
        const object = objects.get(at);
        if (!object) throw new KubeError("not found", { status: 404, reason: "NotFound" });
        const patch = options.patch as Partial<KubeObject>;
        const wanted = patch.metadata?.resourceVersion;
        if (wanted !== undefined && wanted !== object.metadata.resourceVersion) {
          throw new KubeError("conflict", { status: 409, reason: "Conflict" });
        }
        return store<T>(at, merge(object, patch));
      }),
  };
  return client;
}

function merge<T extends object>(target: T, patch: object): T {
  const merged = new Map<string, unknown>(Object.entries(target));
  for (const [key, value] of Object.entries(patch)) {
    const old = merged.get(key);
    merged.set(key, isObject(old) && isObject(value) ? merge(old, value) : value);
  }
  return Object.fromEntries(merged) as T;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
