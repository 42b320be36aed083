import { eventually } from "../../src/kube/testing/eventually.ts";
import type { ThrowAwayNamespace } from "./throw-away-namespaces.ts";

/**
 * Gives a link another name. Kernels before 6.2 rename none that is up, and an agent may set it up again at any moment: it is tried until it
 * has been faster.
 */
export async function rename(namespace: ThrowAwayNamespace, from: string, to: string): Promise<void> {
  await eventually(`${from} is renamed to ${to}`, () => {
    namespace.run("ip", "link", "set", from, "down");
    try {
      namespace.run("ip", "link", "set", from, "name", to);
      return true;
    } catch {
      return false;
    }
  });
}
