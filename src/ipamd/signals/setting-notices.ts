import type { ObjectReference } from "../../kube/core-resources.ts";
import type { SettingProblem } from "../configuration/setting-problem.ts";
import type { Notices } from "./notices.ts";

/** Events about values that people set and that are not in force: each once, and again should it be set again later. */
export class SettingNotices {
  readonly #notices: Notices;
  /** By object, keys whose value is wrong. */
  readonly #wrongKeys = new Map<string, ReadonlySet<string>>();

  constructor(notices: Notices) {
    this.#notices = notices;
  }

  /** Tells what is wrong with an object now: all of it. What was wrong before and is no more is over. */
  show(about: ObjectReference, problems: readonly SettingProblem[]): void {
    for (const { key, value, message } of problems) {
      const occurrence = { about, type: "Warning", reason: "InvalidSetting", message } as const;
      this.#notices.tell(topicOf(key), occurrence, value);
    }
    const object = `${about.kind}/${about.name}`;
    const wrong = new Set(problems.map(({ key }) => key));
    for (const key of this.#wrongKeys.get(object) ?? []) {
      if (!wrong.has(key)) this.#notices.over(topicOf(key), about);
    }
    if (wrong.size === 0) this.#wrongKeys.delete(object);
    else this.#wrongKeys.set(object, wrong);
  }
}

function topicOf(key: string): string {
  return `setting ${key}`;
}
