import type { KubeRequest } from "../../kube/transport.ts";
import { startTimer } from "../../time/timer.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import { type Change, Collection, type Selection, type Stored, selects } from "./collection.ts";
import { hasTwins } from "./field-set.ts";
import { applyConfiguration, FieldConflictError, type Manager, noteUpdate } from "./managed-fields.ts";
import { BUILT_IN_KINDS, customKind, type ServedKind, textAt } from "./served-kind.ts";
import { isObject, type Json, type JsonObject, METADATA } from "./shape.ts";
import {
  alreadyExists,
  badRequest,
  conflict,
  failure,
  invalid,
  MODIFIED,
  type ModelAnswer,
  notFound,
  PAGE_NOT_FOUND,
  preconditionFailed,
  Refusal,
  untyped,
} from "./status-answer.ts";
import { brokenRules, type Fault, faultsOf, unknownFields, withDefaults } from "./validate.ts";

/** A watch that has begun. */
export interface ModelWatch {
  /** Ends it; nothing is told any more. */
  end(): void;
}

/** Objects as they were. */
export type Backup = ReadonlyMap<Collection, ReadonlyMap<string, Stored>>;

interface Meta {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
}

/** What a path names. */
interface Target {
  readonly collection: Collection;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

const APPLY = "application/apply-patch+yaml";
/** The API server sends a bookmark a minute to a watch that wants them. */
const BOOKMARK_MS = 60_000;
/** What the kubelet may take to end a pod. */
const GRACE_SECONDS = 30;
const SERVER_FIELDS = new Set([
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "managedFields",
  "selfLink",
]);

/**
 * An API server in this process, as far as our programs use one: quorum reads, creates, server-side apply, merge patches,
 * deletes with finalizers, and watches. A request is answered in one instant; delays and faults are its transport's.
 *
 * It must not be kinder than the real one: test/apiserver/model-api-server.spec.ts asks both the same.
 */
export class ModelApiServer {
  readonly #clock: WaitingClock;
  readonly #collections = new Map<string, Collection>();
  readonly #listeners = new Set<(change: Change) => void>();
  #version = 100;
  #lastUid = 0;

  constructor(clock: WaitingClock) {
    this.#clock = clock;
    for (const kind of BUILT_IN_KINDS) this.#serve(kind);
    for (const name of ["default", "kube-system"]) {
      this.answer({
        method: "POST",
        path: "/api/v1/namespaces",
        body: JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name } }),
      });
    }
  }

  /** The version of the last change. */
  get version(): number {
    return this.#version;
  }

  /** Answers a request; never throws. */
  answer(request: KubeRequest): ModelAnswer {
    try {
      const target = this.#target(request.path);
      return target === undefined ? PAGE_NOT_FOUND : this.#dispatch(request, target);
    } catch (error) {
      if (error instanceof Refusal) return error.answer;
      throw error;
    }
  }

  /** Begins a watch. @returns the refusal where there is none */
  watch(
    request: KubeRequest,
    tell: (line: string) => void,
    brokenOff: () => void = () => {},
  ): ModelWatch | ModelAnswer {
    const target = this.#target(request.path);
    if (target === undefined) return PAGE_NOT_FOUND;
    try {
      const query = request.query ?? {};
      const selection = target.collection.selection(query, target.namespace);
      return this.#beginWatch(target.collection, { query, selection, tell, brokenOff });
    } catch (error) {
      if (error instanceof Refusal) return error.answer;
      throw error;
    }
  }

  /** Tells `listener` of every change, at once. */
  onChange(listener: (change: Change) => void): void {
    this.#listeners.add(listener);
  }

  /** Forgets all history: a watch that would begin before now is answered 410. */
  compact(): void {
    for (const collection of this.#collections.values()) collection.compact();
  }

  /** A backup of these resources. */
  backUp(plurals: readonly string[]): Backup {
    const collections = [...this.#collections.values()].filter(({ kind }) => plurals.includes(kind.plural));
    return new Map(collections.map((collection) => [collection, collection.snapshot()]));
  }

  /**
   * Restores a backup as etcd does with `--bump-revision --mark-compacted`: objects have the versions that they had, the next version
   * is far ahead, and watches that were open begin with a list.
   */
  restore(backup: Backup): void {
    this.#version += 1_000_000;
    for (const [collection, snapshot] of backup) collection.restore(snapshot, this.#version);
  }

  /** All objects of a resource, as they are. */
  objects(plural: string): JsonObject[] {
    for (const collection of this.#collections.values()) {
      if (collection.kind.plural === plural)
        return collection.list({ namespace: undefined, matches: () => true, narrow: undefined });
    }
    return [];
  }

  #serve(kind: ServedKind): void {
    const id = `${kind.group}/${kind.version}/${kind.plural}`;
    const known = this.#collections.get(id);
    if (known === undefined) this.#collections.set(id, new Collection(kind));
    else known.kind = kind;
  }

  #target(path: string): Target | undefined {
    const parts = path.split("/").slice(1).map(decodeURIComponent);
    const group = parts[0] === "api" ? "" : (parts[1] ?? "");
    const [version = "", ...rest] = parts.slice(parts[0] === "api" ? 1 : 2);
    const inNamespace = rest[0] === "namespaces" && rest.length >= 3;
    const namespace = inNamespace ? rest[1] : undefined;
    const [plural = "", name, subresource] = inNamespace ? rest.slice(2) : rest;
    const collection = this.#collections.get(`${group}/${version}/${plural}`);
    if (collection === undefined) return undefined;
    // Objects of namespaces are not reached without one, nor the others with one.
    if (name !== undefined && collection.kind.namespaced !== (namespace !== undefined)) return undefined;
    if (subresource === "status" && !collection.kind.hasStatus) return undefined;
    return { collection, namespace, name, subresource };
  }

  #dispatch(request: KubeRequest, target: Target): ModelAnswer {
    const { name, subresource } = target;
    switch (request.method) {
      case "GET":
        return name === undefined ? this.#list(request, target) : ok(this.#existing(target).object);
      case "POST":
        if (subresource === "binding") return this.#bind(request, target);
        return name === undefined ? this.#create(request, target) : methodNotAllowed();
      case "PATCH":
        return name === undefined ? methodNotAllowed() : this.#patch(request, target);
      case "DELETE":
        return name === undefined ? methodNotAllowed() : this.#delete(request, target);
      default:
        return methodNotAllowed();
    }
  }

  #list({ query = {} }: KubeRequest, { collection, namespace }: Target): ModelAnswer {
    const items = collection.list(collection.selection(query, namespace));
    const { kind } = collection;
    return ok({
      kind: `${kind.kind}List`,
      apiVersion: apiVersion(kind),
      metadata: { resourceVersion: String(this.#version) },
      items,
    });
  }

  #create(request: KubeRequest, target: Target): ModelAnswer {
    const body = parseBody(request.body);
    const draft = this.#prepared(body, target, request);
    const { name } = metaOf(draft);
    const key = keyOf(name ?? "", target.namespace);
    if (target.collection.get(key) !== undefined) throw alreadyExists(target.collection.kind, name ?? "");
    const manager = managerOf(request, target, "Update");
    const { shape } = target.collection.kind;
    const owners = noteUpdate({ object: {}, owners: new Map() }, owned(draft), { shape, manager });
    return { ...ok(this.#store(target, { object: draft, owners }).object), status: 201 };
  }

  /** What the server makes of the body of a create, checked. @throws Refusal */
  #prepared(body: JsonObject, { collection, namespace }: Target, request: KubeRequest): JsonObject {
    const { kind } = collection;
    checkStrictly(kind, body, request);
    if (kind.namespaced && namespace !== undefined) this.#checkNamespace(namespace);
    const meta = metaOf(body);
    const metadata = {
      ...tidy(withoutServerFields(body["metadata"])),
      ...(kind.namespaced && namespace !== undefined && { namespace }),
      uid: this.#newUid(),
      creationTimestamp: seconds(this.#clock.now()),
      ...(kind.schema !== undefined && { generation: 1 }),
    };
    const { status, ...rest } = body;
    const keepsStatus = status !== undefined && !(kind.hasStatus && kind.schema !== undefined);
    const draft = {
      ...rest,
      apiVersion: apiVersion(kind),
      kind: kind.kind,
      metadata,
      ...(keepsStatus && { status }),
    };
    const filled = kind.schema === undefined ? draft : (withDefaults(draft, kind.schema) as JsonObject);
    check(kind, meta.name ?? "", { object: filled, before: undefined });
    return kind.prepare?.(filled) ?? filled;
  }

  #checkNamespace(name: string): void {
    const namespaces = this.#collections.get("/v1/namespaces");
    if (namespaces?.get(name) === undefined && namespaces !== undefined)
      throw notFound(namespaces.kind, name);
  }

  #patch(request: KubeRequest, target: Target): ModelAnswer {
    const type = request.headers?.["content-type"] ?? "";
    const patch = parseBody(request.body);
    switch (type) {
      case APPLY:
        return this.#apply(request, target, patch);
      case "application/merge-patch+json":
        return this.#mergePatch(request, target, patch);
      default:
        return failure(415, "UnsupportedMediaType", {
          message: `the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml`,
        });
    }
  }

  #apply(request: KubeRequest, target: Target, config: JsonObject): ModelAnswer {
    const { kind } = target.collection;
    const name = target.name ?? "";
    if (request.query?.["fieldManager"] === undefined) {
      throw badRequest(
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      );
    }
    const meta = metaOf(config);
    const live = target.collection.get(keyOf(name, target.namespace));
    const manager = managerOf(request, target, "Apply");
    const force = request.query["force"] === "true";
    if (live === undefined) {
      if (target.subresource === "status") throw notFound(kind, name);
      if (meta.uid !== undefined) {
        throw conflict(
          kind,
          name,
          `uid mismatch: the provided object specified uid ${meta.uid}, and no existing object was found`,
        );
      }
      const draft = this.#prepared(config, target, request);
      const { owners } = applyConfiguration({ object: {}, owners: new Map() }, writable(config, target), {
        shape: kind.shape,
        manager,
        force,
      });
      return { ...ok(this.#store(target, { object: draft, owners }).object), status: 201 };
    }
    checkStrictly(kind, config, request);
    try {
      const { object, owners } = applyConfiguration(
        { object: owned(live.object), owners: live.owners },
        writable(config, target),
        { shape: kind.shape, manager, force },
      );
      checkPreconditions(target, live.object, meta);
      return ok(this.#replace(target, live, { object, owners }).object);
    } catch (error) {
      if (error instanceof FieldConflictError) throw fieldConflict(kind, error);
      throw error;
    }
  }

  #mergePatch(request: KubeRequest, target: Target, patch: JsonObject): ModelAnswer {
    const { kind } = target.collection;
    const live = this.#existing(target);
    checkStrictly(kind, patch, request);
    checkPreconditions(target, live.object, metaOf(patch));
    const changed = mergePatched(live.object, patch) as JsonObject;
    const object = target.subresource === "status" ? onlyStatus(kind, live.object, changed) : changed;
    const whole =
      target.subresource === "status" || !hasOwnStatus(kind) ? object : withStatusOf(live.object, object);
    const owners = noteUpdate({ object: owned(live.object), owners: live.owners }, owned(whole), {
      shape: kind.shape,
      manager: managerOf(request, target, "Update"),
    });
    return ok(this.#replace(target, live, { object: owned(whole), owners }).object);
  }

  /** Puts what clients own of an object in the place of what they owned before. */
  #replace(target: Target, live: Stored, { object, owners }: Stored): Stored {
    const { kind } = target.collection;
    const name = target.name ?? "";
    const filled = kind.schema === undefined ? object : (withDefaults(object, kind.schema) as JsonObject);
    const meta = metaOf(live.object);
    const next = {
      ...filled,
      metadata: { ...serverFields(live.object["metadata"]), ...tidy(asObject(filled["metadata"])) },
    };
    if (Bun.deepEquals(next, live.object) && sameOwners(owners, live.owners)) return live;
    check(kind, name, { object: next, before: live.object });
    if (meta.deletionTimestamp !== undefined) checkNoNewFinalizers(kind, name, live.object, next);
    const specChanged = kind.schema !== undefined && !Bun.deepEquals(specOf(next), specOf(live.object));
    const metadata = {
      ...(next.metadata as JsonObject),
      ...(specChanged && { generation: (meta.generation ?? 0) + 1 }),
    };
    return this.#store(target, { object: { ...next, metadata }, owners });
  }

  #delete(request: KubeRequest, target: Target): ModelAnswer {
    const { kind } = target.collection;
    const name = target.name ?? "";
    const live = this.#existing(target);
    const options = request.body === undefined ? {} : parseBody(request.body);
    const preconditions = (options["preconditions"] ?? {}) as Meta;
    const meta = metaOf(live.object);
    if (preconditions.uid !== undefined && preconditions.uid !== meta.uid) {
      throw preconditionFailed(
        kind,
        name,
        `UID in precondition: ${preconditions.uid}, UID in object meta: ${meta.uid}`,
      );
    }
    if (
      preconditions.resourceVersion !== undefined &&
      preconditions.resourceVersion !== meta.resourceVersion
    ) {
      throw preconditionFailed(
        kind,
        name,
        `ResourceVersion in precondition: ${preconditions.resourceVersion}, ResourceVersion in object meta: ${meta.resourceVersion}`,
      );
    }
    const grace = graceOf(kind, live.object, options["gracePeriodSeconds"]);
    if (grace === 0 && (meta.finalizers ?? []).length === 0) {
      this.#remove(target, live);
      if (kind.plural === "pods") return ok(this.#lastWord(live.object));
      const details = {
        name,
        ...(kind.group !== "" && { group: kind.group }),
        kind: kind.plural,
        uid: meta.uid,
      };
      return ok({
        kind: "Status",
        apiVersion: "v1",
        metadata: {},
        status: "Success",
        details,
      } as unknown as JsonObject);
    }
    if (meta.deletionTimestamp !== undefined) return ok(live.object);
    const metadata = {
      ...asObject(live.object["metadata"]),
      deletionTimestamp: seconds(this.#clock.now() + grace * 1000),
      deletionGracePeriodSeconds: grace,
      ...(kind.schema !== undefined && { generation: (meta.generation ?? 0) + 1 }),
    };
    return ok(this.#store(target, { ...live, object: { ...live.object, metadata } }).object);
  }

  /** The scheduler's word: a pod is bound once. */
  #bind(request: KubeRequest, target: Target): ModelAnswer {
    const { kind } = target.collection;
    const live = this.#existing(target);
    const node = textAt(parseBody(request.body), "target.name");
    const bound = textAt(live.object, "spec.nodeName");
    const name = target.name ?? "";
    const binding = { ...kind, plural: "pods/binding" };
    const uid = textAt(parseBody(request.body), "metadata.uid");
    if (uid !== "" && uid !== metaOf(live.object).uid) {
      throw preconditionFailed(
        kind,
        name,
        `UID in precondition: ${uid}, UID in object meta: ${metaOf(live.object).uid}`,
      );
    }
    if (bound !== "") throw conflict(binding, name, `pod ${name} is already assigned to node "${bound}"`);
    if (metaOf(live.object).deletionTimestamp !== undefined) {
      throw conflict(binding, name, `pod ${name} is being deleted, cannot be assigned to a host`);
    }
    const spec = { ...asObject(live.object["spec"]), nodeName: node };
    const scheduled = {
      type: "PodScheduled",
      status: "True",
      lastTransitionTime: seconds(this.#clock.now()),
    };
    const status = { ...asObject(live.object["status"]), conditions: [scheduled] };
    this.#store(target, { ...live, object: { ...live.object, spec, status } });
    return {
      status: 201,
      body: JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Success", code: 201 }),
    };
  }

  #existing(target: Target): Stored {
    const name = target.name ?? "";
    const live = target.collection.get(keyOf(name, target.namespace));
    if (live === undefined) throw notFound(target.collection.kind, name);
    return live;
  }

  /** Stores a version of an object, or lets it go where nothing holds it any more. */
  #store(target: Target, { object, owners }: Stored): Stored {
    const version = ++this.#version;
    const metadata = { ...asObject(object["metadata"]), resourceVersion: String(version) };
    const stored = { object: { ...object, metadata } as JsonObject, owners };
    const { name, deletionTimestamp, finalizers = [] } = metadata as Meta;
    const key = keyOf(name ?? "", target.namespace);
    const ends =
      deletionTimestamp !== undefined && finalizers.length === 0 && target.collection.kind.plural !== "pods";
    this.#tell(target.collection.commit(key, ends ? undefined : stored, version));
    // What has gone is answered as the version that it was.
    if (ends) return { object, owners };
    if (target.collection.kind.plural === "customresourcedefinitions") this.#serve(customKind(stored.object));
    return stored;
  }

  #remove(target: Target, live: Stored): void {
    const { name = "" } = metaOf(live.object);
    this.#tell(target.collection.commit(keyOf(name, target.namespace), undefined, ++this.#version));
  }

  /** A pod that goes is answered as it was marked at last. */
  #lastWord(object: JsonObject): JsonObject {
    const metadata = {
      ...asObject(object["metadata"]),
      resourceVersion: String(this.#version),
      deletionTimestamp: seconds(this.#clock.now()),
      deletionGracePeriodSeconds: 0,
    };
    return { ...object, metadata };
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }

  #newUid(): string {
    return `00000000-0000-4000-8000-${(++this.#lastUid).toString(16).padStart(12, "0")}`;
  }

  #beginWatch(
    collection: Collection,
    options: {
      query: Readonly<Record<string, string | undefined>>;
      selection: Selection;
      tell: (line: string) => void;
      brokenOff: () => void;
    },
  ): ModelWatch {
    const { query, selection, tell, brokenOff } = options;
    const { kind } = collection;
    const asked = query["resourceVersion"];
    const fromEverything = asked === undefined || asked === "" || asked === "0";
    let cancelBookmark = () => {};
    const bookmark = (annotations?: JsonObject) =>
      tell(
        JSON.stringify({
          type: "BOOKMARK",
          object: {
            kind: kind.kind,
            apiVersion: apiVersion(kind),
            metadata: { resourceVersion: String(this.#version), ...(annotations && { annotations }) },
          },
        }),
      );
    if (fromEverything) {
      for (const object of collection.list(selection)) tell(JSON.stringify({ type: "ADDED", object }));
      if (query["sendInitialEvents"] === "true") bookmark({ "k8s.io/initial-events-end": "true" });
    } else {
      const missed = collection.since(Number(asked));
      if (missed === undefined) {
        const message = `too old resource version: ${asked} (${this.#version})`;
        tell(`{"type":"ERROR","object":${failure(410, "Expired", { message }).body}}`);
        return { end() {} };
      }
      for (const change of missed) tellOf(change, selection, tell);
    }
    const end = () => {
      stop();
      cancelBookmark();
    };
    const stop = collection.listen({
      selection,
      // A version in the future is not reached yet: nothing is said before.
      tell: (change) => {
        if (fromEverything || change.version > Number(asked)) tellOf(change, selection, tell);
      },
      breakOff: () => {
        end();
        brokenOff();
      },
    });
    const keepBookmarks = () => {
      cancelBookmark = startTimer(this.#clock, BOOKMARK_MS, () => {
        if (fromEverything || this.#version >= Number(asked)) bookmark();
        keepBookmarks();
      });
    };
    if (query["allowWatchBookmarks"] === "true") keepBookmarks();
    return { end };
  }
}

/** What a change is to a watch: an object that leaves the selection is deleted to it. */
function tellOf(change: Change, selection: Selection, tell: (line: string) => void): void {
  const { key, before, after } = change;
  const was = selects(selection, key, before);
  const is = selects(selection, key, after);
  if (is) tell(lineOf(change, was ? "MODIFIED" : "ADDED"));
  else if (was) tell(lineOf(change, "DELETED"));
}

function lineOf(change: Change, type: "ADDED" | "MODIFIED" | "DELETED"): string {
  const known = change.lines.get(type);
  if (known !== undefined) return known;
  const { before, after, version } = change;
  const object =
    type === "DELETED"
      ? { ...before, metadata: { ...asObject(before?.["metadata"]), resourceVersion: String(version) } }
      : after;
  const line = JSON.stringify({ type, object });
  change.lines.set(type, line);
  return line;
}

function ok(body: JsonObject): ModelAnswer {
  return { status: 200, body: JSON.stringify(body) };
}

function methodNotAllowed(): ModelAnswer {
  return failure(405, "MethodNotAllowed", {
    message: "the server does not allow this method on the requested resource",
  });
}

function apiVersion({ group, version }: ServedKind): string {
  return group === "" ? version : `${group}/${version}`;
}

function keyOf(name: string, namespace: string | undefined): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function metaOf(object: JsonObject): Meta {
  return (object["metadata"] ?? {}) as Meta;
}

function asObject(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

function parseBody(body: string | undefined): JsonObject {
  try {
    const parsed = JSON.parse(body ?? "") as Json;
    if (isObject(parsed)) return parsed;
  } catch {
    // Told below.
  }
  throw badRequest("the body of the request is no JSON object");
}

/** metav1.Time has no fraction. */
function seconds(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\.\d+Z$/, "Z");
}

function hasOwnStatus({ hasStatus }: ServedKind): boolean {
  return hasStatus;
}

/** What clients own of an object: all but what the server fills in. */
function owned(object: JsonObject): JsonObject {
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = object;
  return {
    apiVersion: object["apiVersion"],
    kind: object["kind"],
    ...rest,
    metadata: withoutServerFields(metadata),
  };
}

function withoutServerFields(metadata: Json | undefined): JsonObject {
  return Object.fromEntries(Object.entries(asObject(metadata)).filter(([name]) => !SERVER_FIELDS.has(name)));
}

/** Empty lists and maps of the metadata are left out. */
function tidy(metadata: JsonObject): JsonObject {
  const isEmpty = (value: Json | undefined) =>
    typeof value === "object" && value !== null && Object.keys(value).length === 0;
  return Object.fromEntries(
    Object.entries(metadata).filter(([, value]) => value !== null && !isEmpty(value)),
  );
}

function serverFields(metadata: Json | undefined): JsonObject {
  return Object.fromEntries(Object.entries(asObject(metadata)).filter(([name]) => SERVER_FIELDS.has(name)));
}

/** Of an applied configuration, what the path may write. */
function writable(config: JsonObject, { subresource, collection }: Target): JsonObject {
  const { apiVersion: _version, kind: _kind, metadata, status, ...rest } = config;
  if (subresource === "status") return status === undefined ? {} : { status };
  const fields = METADATA.kind === "object" ? METADATA.fields : new Map();
  const own = Object.fromEntries(Object.entries(asObject(metadata)).filter(([name]) => fields.has(name)));
  return {
    ...rest,
    ...(Object.keys(own).length > 0 && { metadata: own }),
    ...(status !== undefined && !hasOwnStatus(collection.kind) && { status }),
  };
}

function onlyStatus(kind: ServedKind, live: JsonObject, changed: JsonObject): JsonObject {
  const status = changed["status"];
  // Of built-in kinds the status's own call may change labels and annotations too.
  const metadata = kind.schema === undefined ? changed["metadata"] : live["metadata"];
  const { status: _, ...rest } = live;
  return { ...rest, metadata, ...(status !== undefined && { status }) };
}

function withStatusOf(live: JsonObject, changed: JsonObject): JsonObject {
  const { status: _, ...rest } = changed;
  return { ...rest, ...(live["status"] !== undefined && { status: live["status"] }) };
}

function specOf(object: JsonObject): JsonObject {
  const { metadata: _metadata, status: _status, ...rest } = object;
  return rest;
}

function mergePatched(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result = new Map(Object.entries(asObject(target)));
  for (const [name, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    if (value === null) result.delete(name);
    else result.set(name, mergePatched(result.get(name), value));
  }
  return Object.fromEntries(result);
}

function managerOf(request: KubeRequest, { subresource }: Target, operation: Manager["operation"]): Manager {
  const name = request.query?.["fieldManager"] ?? "unknown";
  return { name, operation, subresource: subresource === "status" ? "status" : "" };
}

function sameOwners(a: Stored["owners"], b: Stored["owners"]): boolean {
  if (a.size !== b.size) return false;
  for (const [key, { fields }] of a) {
    const other = b.get(key)?.fields;
    if (other === undefined || other.size !== fields.size || !fields.isSubsetOf(other)) return false;
  }
  return true;
}

/** An unknown field is a request that cannot be read; in an apply it is one that cannot be merged. */
function checkStrictly({ schema, shape }: ServedKind, body: JsonObject, request: KubeRequest): void {
  if (schema === undefined || request.query?.["fieldValidation"] !== "Strict") return;
  const isApply = request.headers?.["content-type"] === APPLY;
  const unknown = unknownFields(body, schema).map((field) => `unknown field "${field}"`);
  if (unknown.length > 0) {
    const message = `strict decoding error: ${unknown.join(", ")}`;
    throw isApply ? untyped(message) : badRequest(message);
  }
  if (isApply && hasTwins(body, shape)) throw untyped("duplicate entries for key");
}

function check(
  kind: ServedKind,
  name: string,
  { object, before }: { object: JsonObject; before: JsonObject | undefined },
): void {
  if (kind.schema === undefined) return;
  const faults: Fault[] = faultsOf(object, kind.schema);
  if (name === "") {
    const message = "Required value: name or generateName is required";
    faults.push({ field: "metadata.name", reason: "FieldValueRequired", message });
  }
  const broken =
    faults.length > 0 ? [] : brokenRules(object, before, kind.schema["x-kubernetes-validations"] ?? []);
  faults.push(...broken);
  if (faults.length === 0) return;
  const rules = kind.schema["x-kubernetes-validations"] ?? [];
  const unchecked: Fault = {
    field: "<nil>",
    reason: "FieldValueInvalid",
    message:
      "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
  };
  throw invalid(kind, name, rules.length === 0 || broken.length > 0 ? faults : [...faults, unchecked]);
}

/** A call for the status of a custom resource does not look at the uid, which a write of the object itself does. */
function checkPreconditions({ collection, subresource }: Target, live: JsonObject, wanted: Meta): void {
  const { kind } = collection;
  const { name = "", uid, resourceVersion } = metaOf(live);
  if (wanted.resourceVersion !== undefined && wanted.resourceVersion !== resourceVersion) {
    throw conflict(kind, name, MODIFIED);
  }
  if (wanted.uid === undefined || wanted.uid === uid || subresource === "status") return;
  const fault: Fault = {
    field: "metadata.uid",
    reason: "FieldValueInvalid",
    message: `Invalid value: "${wanted.uid}": field is immutable`,
  };
  throw invalid(kind, name, [fault, fault]);
}

function checkNoNewFinalizers(kind: ServedKind, name: string, live: JsonObject, next: JsonObject): void {
  const before = new Set(metaOf(live).finalizers);
  const fresh = (metaOf(next).finalizers ?? []).filter((finalizer) => !before.has(finalizer));
  if (fresh.length === 0) return;
  const fault: Fault = {
    field: "metadata.finalizers",
    reason: "FieldValueForbidden",
    message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(fresh)}`,
  };
  throw invalid(kind, name, [fault, fault]);
}

function fieldConflict(kind: ServedKind, { conflicts }: FieldConflictError): Refusal {
  const causes = conflicts.map(({ manager, field }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${describe(kind, manager)}`,
    field,
  }));
  const what = causes.map(({ message, field }) => `${message}: ${field}`).join("\n");
  const message = `Apply failed with ${causes.length} conflict${causes.length > 1 ? "s" : ""}: ${what}`;
  return new Refusal(failure(409, "Conflict", { message, details: { causes } }));
}

function describe(kind: ServedKind, { name, operation, subresource }: Manager): string {
  const of = subresource === "" ? `"${name}"` : `"${name}" with subresource "${subresource}"`;
  return operation === "Update" ? `${of} using ${apiVersion(kind)}` : of;
}

/** Seconds that an object stays after its delete: only a pod that runs on a node does. */
function graceOf({ plural }: ServedKind, object: JsonObject, asked: Json | undefined): number {
  if (plural !== "pods" || textAt(object, "spec.nodeName") === "") return 0;
  if (["Succeeded", "Failed"].includes(textAt(object, "status.phase"))) return 0;
  return typeof asked === "number" ? asked : GRACE_SECONDS;
}
