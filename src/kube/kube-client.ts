import { KubeError } from "./kube-error.ts";
import type { ApplyConfiguration, Draft, KubeObject } from "./kube-object.ts";
import { apiVersionOf, collectionPath, objectPath, type Resource } from "./resource.ts";
import type { CallOptions, KubeRequest, KubeTransport } from "./transport.ts";

/** Which object of a namespaced resource is meant; cluster-scoped ones have none. */
export interface InNamespace extends CallOptions {
  readonly namespace?: string | undefined;
}

export interface ListOptions extends CallOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ObjectList<T> {
  readonly items: readonly T[];
  /** Version of the whole collection that the items are as of. */
  readonly resourceVersion: string;
}

export interface ApplyOptions extends CallOptions {
  /** Who owns the fields: `tke-eni-ipamd`, `tke-eni-agent`. */
  readonly fieldManager: string;
  /** Take fields from other managers instead of failing with a conflict. Default false. */
  readonly force?: boolean | undefined;
}

export interface PatchOptions extends InNamespace {
  readonly subresource?: "status" | undefined;
  readonly fieldManager?: string | undefined;
}

export interface DeleteOptions extends InNamespace {
  /** Preconditions: an object of another uid or version is left alone, and the call fails with a conflict. */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: "Orphan" | "Background" | "Foreground" | undefined;
}

/**
 * The API server's REST surface, as our controllers use it: reads, creates, server-side apply, merge patches, deletes. There
 * is no PUT: it would write back fields of other owners.
 *
 * `get`, `find` and `list` are quorum reads: they send no resourceVersion, which the API server answers as of now, never from
 * a cache that may lag. (Kubernetes API concepts, "resourceVersion unset": most recent.)
 *
 * Every call has a deadline and fails with a KubeError. After one that is not `answered`, a write may have happened.
 */
export interface KubeClient {
  get<T extends KubeObject>(resource: Resource<T>, name: string, options?: InNamespace): Promise<T>;
  /** Like get, but undefined when the API server says that this very object does not exist. */
  find<T extends KubeObject>(
    resource: Resource<T>,
    name: string,
    options?: InNamespace,
  ): Promise<T | undefined>;
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<ObjectList<T>>;
  create<T extends KubeObject>(
    resource: Resource<T>,
    object: Draft<NoInfer<T>>,
    options?: CallOptions & { fieldManager?: string },
  ): Promise<T>;
  /** Server-side apply on the main resource: makes the object if need be. Fields of `status` are ignored there. */
  apply<T extends KubeObject>(
    resource: Resource<T>,
    object: ApplyConfiguration<NoInfer<T>>,
    options: ApplyOptions,
  ): Promise<T>;
  /** Server-side apply on `/status`. The object must exist; only fields of `status` are written. */
  applyStatus<T extends KubeObject>(
    resource: Resource<T>,
    object: ApplyConfiguration<NoInfer<T>>,
    options: ApplyOptions,
  ): Promise<T>;
  /**
   * JSON merge patch (RFC 7396): null removes a member, lists are replaced whole. A `metadata.resourceVersion` in it is a
   * precondition.
   */
  mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    name: string,
    options: PatchOptions & { patch: MergePatch<NoInfer<T>> },
  ): Promise<T>;
  delete<T extends KubeObject>(resource: Resource<T>, name: string, options?: DeleteOptions): Promise<void>;
}

/** Members to set, or null to remove. */
export type MergePatch<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: MergePatch<T[K]> | null }
    : T;

export function createKubeClient(transport: KubeTransport): KubeClient {
  async function json<R>(request: KubeRequest, options: CallOptions): Promise<R> {
    const { bytes } = await transport.call(request, options);
    const text = new TextDecoder().decode(bytes);
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new KubeError(
        `${request.method} ${request.path}: the answer is no JSON: "${text.slice(0, 100)}"`,
        {
          status: 0,
          reason: "Unreachable",
          cause,
        },
      );
    }
  }

  function get<T extends KubeObject>(
    resource: Resource<T>,
    name: string,
    options: InNamespace = {},
  ): Promise<T> {
    return json(
      { method: "GET", path: objectPath(resource, name, { namespace: options.namespace }) },
      options,
    );
  }

  function patch<T extends KubeObject>(
    resource: Resource<T>,
    name: string,
    options: PatchOptions & { contentType: string; body: object; force?: boolean | undefined },
  ): Promise<T> {
    const { namespace, subresource, contentType, fieldManager, force } = options;
    return json(
      {
        method: "PATCH",
        path: objectPath(resource, name, { namespace, subresource }),
        // An unknown field is a mistake of ours, never to be dropped in silence.
        query: { fieldManager, force: force ? "true" : undefined, fieldValidation: "Strict" },
        headers: { "content-type": contentType },
        body: JSON.stringify(options.body),
      },
      options,
    );
  }

  function apply<T extends KubeObject>(
    resource: Resource<T>,
    object: ApplyConfiguration<NoInfer<T>>,
    options: ApplyOptions & { subresource?: "status" },
  ): Promise<T> {
    const { name, namespace } = object.metadata;
    return patch(resource, name, {
      ...options,
      namespace,
      contentType: "application/apply-patch+yaml",
      body: { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object },
    });
  }

  return {
    get,
    async find(resource, name, options) {
      try {
        return await get(resource, name, options);
      } catch (error) {
        if (error instanceof KubeError && error.isNotFound && error.details?.name === name) return undefined;
        throw error;
      }
    },
    async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}) {
      const { namespace, labelSelector, fieldSelector } = options;
      const list = await json<{ metadata: { resourceVersion: string }; items: T[] | null }>(
        { method: "GET", path: collectionPath(resource, namespace), query: { labelSelector, fieldSelector } },
        options,
      );
      return { items: list.items ?? [], resourceVersion: list.metadata.resourceVersion };
    },
    create<T extends KubeObject>(
      resource: Resource<T>,
      object: Draft<NoInfer<T>>,
      options: CallOptions & { fieldManager?: string } = {},
    ) {
      return json<T>(
        {
          method: "POST",
          path: collectionPath(resource, object.metadata.namespace),
          query: { fieldManager: options.fieldManager, fieldValidation: "Strict" },
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ apiVersion: apiVersionOf(resource), kind: resource.kind, ...object }),
        },
        options,
      );
    },
    apply: (resource, object, options) => apply(resource, object, options),
    applyStatus: (resource, object, options) =>
      apply(resource, object, { ...options, subresource: "status" }),
    mergePatch: (resource, name, options) =>
      patch(resource, name, { ...options, contentType: "application/merge-patch+json", body: options.patch }),
    async delete(resource, name, options = {}) {
      const { namespace, uid, resourceVersion, gracePeriodSeconds, propagationPolicy } = options;
      await transport.call(
        {
          method: "DELETE",
          path: objectPath(resource, name, { namespace }),
          headers: { "content-type": "application/json" },
          body: JSON.stringify({
            apiVersion: "v1",
            kind: "DeleteOptions",
            preconditions: { uid, resourceVersion },
            gracePeriodSeconds,
            propagationPolicy,
          }),
        },
        options,
      );
    },
  };
}
