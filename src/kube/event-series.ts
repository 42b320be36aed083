import type { KubeEvent, ObjectReference } from "./core-resources.ts";
import type { Draft } from "./kube-object.ts";

/** Something worth telling the people who look at an object. */
export interface Occurrence {
  readonly about: ObjectReference;
  readonly type: "Normal" | "Warning";
  /** One CamelCase word for programs. */
  readonly reason: string;
  /** A sentence for people. What changes with every occurrence does not belong in it: equal ones are counted into one Event. */
  readonly message: string;
}

/** Equal occurrences, counted. Times are wall-clock ms. */
export interface Series {
  readonly occurrence: Occurrence;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly count: number;
  /** How much of `count` the API server knows; 0: it has no Event of this series yet. */
  readonly written: number;
  /** Name of the Event. */
  readonly name: string;
}

/** A series that was quiet this long is over; the API server keeps Events for an hour by default. */
const forgetAfterMs = 10 * 60_000;

/** More distinct series than this at once are a storm, of which the oldest are forgotten. */
const maxSeries = 1000;

/** What events.k8s.io/v1 allows. */
const maxMessage = 1024;

/** A name has 253 characters, the suffix not counted here. */
const maxNamePart = 240;

/** Series by what makes occurrences equal. */
export type SeriesBook = Map<string, Series>;

export function keyOfOccurrence({ about, type, reason, message }: Occurrence): string {
  return JSON.stringify([
    about.kind,
    about.namespace ?? "",
    about.name,
    about.uid ?? "",
    type,
    reason,
    message,
  ]);
}

/** Counts an occurrence; the book is changed in place. Returns its key. */
export function count(
  book: SeriesBook,
  occurrence: Occurrence,
  options: { wallNow: number; suffix: string },
): string {
  const key = keyOfOccurrence(occurrence);
  const series = book.get(key);
  const { wallNow } = options;
  // Map keeps the order of insertion, so that what was heard of last is last.
  book.delete(key);
  if (series && wallNow - series.lastAt < forgetAfterMs) {
    book.set(key, { ...series, count: series.count + 1, lastAt: wallNow });
    return key;
  }
  const name = `${occurrence.about.name.slice(0, maxNamePart)}.${options.suffix}`;
  book.set(key, { occurrence, firstAt: wallNow, lastAt: wallNow, count: 1, written: 0, name });
  for (const oldest of book.keys()) {
    if (book.size <= maxSeries) break;
    book.delete(oldest);
  }
  return key;
}

/** The Event of a series. One about a cluster-scoped object lives in `default`, where `kubectl describe` looks for it. */
export function eventOf(series: Series, options: { component: string; instance: string }): Draft<KubeEvent> {
  const { about, type, reason, message } = series.occurrence;
  return {
    metadata: { name: series.name, namespace: about.namespace ?? "default" },
    involvedObject: about,
    type,
    reason,
    message: message.slice(0, maxMessage),
    source: { component: options.component, host: options.instance },
    reportingComponent: options.component,
    reportingInstance: options.instance,
    firstTimestamp: seconds(series.firstAt),
    lastTimestamp: seconds(series.lastAt),
    count: series.count,
  };
}

/** metav1.Time has no fraction. */
export function seconds(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\.\d+Z$/, "Z");
}
