import type { ObjectReference } from "../../kube/core-resources.ts";
import type { Occurrence } from "../../kube/event-series.ts";
import type { EventRecorder } from "../../kube/events.ts";

/**
 * Events about states that last: told when a state begins or changes, not each time that it is looked at. The recorder counts what
 * is told again later.
 */
export class Notices {
  readonly #recorder: Pick<EventRecorder, "record">;
  /** By subject and topic, what was told last. */
  readonly #told = new Map<string, string>();

  constructor(recorder: Pick<EventRecorder, "record">) {
    this.#recorder = recorder;
  }

  /**
   * Tells of a state, unless it was told last of this topic.
   *
   * @param topic what the state is one of, such as a setting or the readiness of a node
   * @param state what makes it another state; the message may carry figures that change while the state does not
   */
  tell(topic: string, occurrence: Occurrence, state: string = occurrence.message): void {
    const key = keyOf(topic, occurrence.about);
    const value = `${occurrence.reason} ${state}`;
    if (this.#told.get(key) === value) return;
    this.#told.set(key, value);
    this.#recorder.record(occurrence);
  }

  /** The state is over: should it come again, it is told again. */
  over(topic: string, about: ObjectReference): void {
    this.#told.delete(keyOf(topic, about));
  }
}

function keyOf(topic: string, about: ObjectReference): string {
  return `${topic} ${about.kind} ${about.namespace ?? ""}/${about.name}`;
}
