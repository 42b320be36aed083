import type { KubeError } from "../../../kube/kube-error.ts";
import type { KubeRequest } from "../../../kube/transport.ts";
import { isObject, type Json, type JsonObject } from "../shape.ts";

/** An API server that scenarios are put to: the real one or the model. */
export interface ContractServer {
  /** @throws KubeError for an answer of 300 or more */
  call(request: KubeRequest): Promise<JsonObject>;
  watch(request: KubeRequest): Promise<ContractWatch>;
}

export interface ContractWatch {
  /** The next event; it fails when none comes. */
  next(): Promise<JsonObject>;
  end(): Promise<void>;
}

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** Fields of the answer to write down instead of all: where a built-in kind has many that are of no interest. */
  readonly only?: readonly string[];
}

/** Puts requests to a server, and writes down what it answers, without what no two servers have in common. */
export class ContractApi {
  readonly answers: Json[] = [];
  readonly #server: ContractServer;
  readonly #versions = new Map<string, string>();

  constructor(server: ContractServer) {
    this.#server = server;
  }

  /** @returns the object; undefined when it was refused */
  async request(
    method: string,
    path: string,
    options: RequestOptions & { type?: string } = {},
  ): Promise<JsonObject | undefined> {
    const { query, body, type, only } = options;
    try {
      const answer = await this.#server.call({
        method,
        path,
        ...(query && { query }),
        headers: { "content-type": type ?? "application/json" },
        ...(body && { body: JSON.stringify(body) }),
      });
      this.answers.push(this.#told(path, answer, only));
      return answer;
    } catch (error) {
      this.answers.push(refusal(error as KubeError));
      return undefined;
    }
  }

  get(path: string, options?: RequestOptions) {
    return this.request("GET", path, options);
  }

  create(path: string, body: object, options?: RequestOptions) {
    const query = { fieldManager: "creator", fieldValidation: "Strict" };
    return this.request("POST", path, { query, ...options, body });
  }

  apply(path: string, manager: string, body: object, options: { force?: boolean } = {}) {
    const query = {
      fieldManager: manager,
      fieldValidation: "Strict",
      ...(options.force && { force: "true" }),
    };
    return this.request("PATCH", path, { type: "application/apply-patch+yaml", query, body });
  }

  merge(path: string, body: object, options: RequestOptions & { manager?: string } = {}) {
    const { manager = "merger", ...rest } = options;
    const query = { fieldManager: manager, fieldValidation: "Strict" };
    return this.request("PATCH", path, { ...rest, type: "application/merge-patch+json", query, body });
  }

  delete(path: string, body: object = {}) {
    return this.request("DELETE", path, { body: { apiVersion: "v1", kind: "DeleteOptions", ...body } });
  }

  /** Watches while `act` runs, and writes down as many events. */
  async watch(
    path: string,
    query: Readonly<Record<string, string>>,
    { events, act }: { events: number; act: () => Promise<unknown> },
  ): Promise<void> {
    const watch = await this.#server.watch({ method: "GET", path, query: { watch: "1", ...query } });
    try {
      await act();
      for (let i = 0; i < events; i++) {
        const { type, object } = await watch.next();
        const told = isObject(object) ? this.#told("", object) : {};
        this.answers.push({ event: type, ...told });
      }
    } finally {
      await watch.end();
    }
  }

  /** The object without what differs from server to server; of its version only whether it is the one told last. */
  #told(path: string, answer: JsonObject, only?: readonly string[]): JsonObject {
    if (answer["kind"] === "Status") return { status: answer["status"] };
    const { items } = answer;
    if (Array.isArray(items)) return { items: items.map((item) => this.#told("", item as JsonObject, only)) };
    const { metadata, apiVersion: _version, ...rest } = answer;
    const meta = isObject(metadata) ? metadata : {};
    const { name, namespace, labels, annotations, finalizers, generation, deletionTimestamp } = meta;
    const version = String(meta["resourceVersion"]);
    const key = path.replace(/\/status$/, "");
    const known = this.#versions.get(key);
    if (path !== "") this.#versions.set(key, version);
    const told = {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(labels !== undefined && { labels }),
      ...(annotations !== undefined && { annotations }),
      ...(finalizers !== undefined && { finalizers }),
      ...(deletionTimestamp !== undefined && { isBeingDeleted: true }),
      ...(known !== undefined && path !== "" && { version: known === version ? "as before" : "new" }),
      ...(only === undefined && generation !== undefined && { generation }),
      ...(only === undefined ? rest : picked(rest, only)),
    };
    return withoutTimes(told) as JsonObject;
  }
}

function refusal({ status, reason, details }: KubeError): JsonObject {
  const causes = (details?.causes ?? []).map(({ reason, field }) => `${reason} ${field}`).toSorted();
  return {
    refused: status,
    reason,
    ...(details?.name !== undefined && { name: details.name }),
    ...(details?.kind !== undefined && { kind: details.kind }),
    ...(causes.length > 0 && { causes }),
  };
}

function picked(object: JsonObject, paths: readonly string[]): JsonObject {
  return Object.fromEntries(
    paths.map((path) => {
      let value: Json | undefined = object;
      for (const name of path.split(".")) value = isObject(value) ? value[name] : undefined;
      return [path, value ?? null];
    }),
  );
}

function withoutTimes(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutTimes);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).flatMap(([name, field]) =>
    field === undefined || name === "lastTransitionTime" ? [] : [[name, withoutTimes(field)] as const],
  );
  return Object.fromEntries(entries);
}
