import type { ThrowAwayNamespaces } from "../kernel/throw-away-namespaces.ts";
import type { CniPod } from "./cni-plugin.ts";

/** Makes the namespaces of `count` pods, whose names begin with `name`. */
export function makePods(namespaces: ThrowAwayNamespaces, name: string, count: number): CniPod[] {
  return Array.from({ length: count }, (_, i) => {
    const { path } = namespaces.make(`${name}-${i}`);
    const containerId = new Bun.CryptoHasher("sha256").update(path).digest("hex");
    return { name: `${name}-${i}`, containerId, netns: path };
  });
}
