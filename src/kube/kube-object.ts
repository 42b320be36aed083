/**
 * What any object of the API has. The members that a type declares itself win; this is only what the code of this room
 * needs. Objects are plain JSON: timestamps are RFC 3339 strings.
 */
export interface KubeObject {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
  readonly metadata: {
    readonly name?: string | undefined;
    readonly namespace?: string | undefined;
    readonly uid?: string | undefined;
    readonly resourceVersion?: string | undefined;
  };
}

/** metav1.ObjectMeta of an object that the API server has stored. */
export interface ObjectMeta {
  readonly name: string;
  /** Absent on cluster-scoped objects. */
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp: string;
  /** Set once a delete was asked for; the object stays until its finalizers are gone. */
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

/** metav1.OwnerReference. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** The metadata that a client may send. */
export interface DraftMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

/** What a create takes: everything but what the API server fills in. A `status` is sent in a call of its own. */
export type Draft<T extends KubeObject> = Omit<T, "apiVersion" | "kind" | "metadata" | "status"> & {
  readonly metadata: DraftMeta;
};

/**
 * What a server-side apply takes: the fields that this manager means to own. A `resourceVersion` in the metadata is
 * a precondition: another version of the object answers 409. A `uid` is one on the main resource only: an absent object is not made
 * anew (409), one of another uid is refused as a change of its uid (422). On `/status` the API server ignores it.
 */
export type ApplyConfiguration<T extends KubeObject> = DeepPartial<
  Omit<T, "apiVersion" | "kind" | "metadata">
> & {
  readonly metadata: DraftMeta & { readonly uid?: string; readonly resourceVersion?: string };
};

/** Every member optional, at every depth. Array elements stay whole: the API server merges lists by their keys or not at all. */
export type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: DeepPartial<T[K]> }
    : T;
