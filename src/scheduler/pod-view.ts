import { podWishes } from "../api/pod-wishes.ts";
import type { PodView } from "./decide/world.ts";
import type { ExtenderPod } from "./wire/extender-messages.ts";

/** What a decision needs of a pod. */
export function podView({ metadata }: ExtenderPod): PodView {
  const { namespace, name, uid, annotations } = metadata;
  const { nominated, address, mistake } = podWishes(annotations ?? {});
  return { key: `${namespace}/${name}`, uid, nominated, address, mistake };
}
