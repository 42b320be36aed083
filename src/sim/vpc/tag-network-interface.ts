import { findEni } from "./find.ts";
import type { CloudState, Step, Tag } from "./state.ts";

export interface TagRequest {
  readonly eniId: string;
  /** Added, or given another value. */
  readonly replace: readonly Tag[];
  /** Keys; those that the interface does not have are no error. */
  readonly remove: readonly string[];
}

/**
 * ModifyResourceTags, TagResources and UnTagResources on a network interface: done at once.
 *
 * @throws CloudError ResourceNotFound
 */
export function tagNetworkInterface(state: CloudState, request: TagRequest): Step<null> {
  const eni = findEni(state, request.eniId);
  const tags = new Map(eni.tags.map((tag) => [tag.key, tag.value]));
  for (const key of request.remove) {
    tags.delete(key);
  }
  for (const { key, value } of request.replace) {
    tags.set(key, value);
  }
  const tagged = { ...eni, tags: [...tags].map(([key, value]) => ({ key, value })) };
  return { state: { ...state, enis: state.enis.with(eni.eniId, tagged) }, answer: null, effects: [] };
}
