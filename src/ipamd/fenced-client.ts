import type { KubeClient } from "../kube/kube-client.ts";

/**
 * A client whose writes are refused once this process leads no more: a leader that was paused would write what it knew before over what
 * its successor has written since, such as a status without the successor's intent to make an ENI.
 */
export function fencedClient(kube: KubeClient, leads: () => boolean): KubeClient {
  function check(what: string): void {
    if (!leads()) throw new Error(`${what} is not written: this process leads no more`);
  }
  return {
    get: (resource, name, options) => kube.get(resource, name, options),
    find: (resource, name, options) => kube.find(resource, name, options),
    list: (resource, options) => kube.list(resource, options),
    async create(resource, object, options) {
      check(resource.plural);
      return kube.create(resource, object, options);
    },
    async apply(resource, object, options) {
      check(`${resource.plural}/${object.metadata.name}`);
      return kube.apply(resource, object, options);
    },
    async applyStatus(resource, object, options) {
      check(`the status of ${resource.plural}/${object.metadata.name}`);
      return kube.applyStatus(resource, object, options);
    },
    async mergePatch(resource, name, options) {
      check(`${resource.plural}/${name}`);
      return kube.mergePatch(resource, name, options);
    },
    async delete(resource, name, options) {
      check(`${resource.plural}/${name}`);
      return kube.delete(resource, name, options);
    },
  };
}
