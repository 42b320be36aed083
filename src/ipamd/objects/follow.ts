import type { KubeObject } from "../../api/kube-object.ts";
import type { Reflector } from "../../kube/reflector/reflector.ts";
import type { ObjectCache } from "./object-cache.ts";

/** Keeps a cache in line with its watch. */
export function follow<T extends KubeObject<unknown, unknown>>(
  watch: Pick<Reflector<T>, "subscribe">,
  cache: ObjectCache<T>,
  changed: (object: T) => void,
): () => void {
  return watch.subscribe((event) => {
    if (event.type === "synced") return cache.sawList();
    if (event.type === "deleted") cache.sawDeletion(event.object);
    changed(event.object);
  });
}
