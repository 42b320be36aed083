import { type EniView, isElsewhere, isEmptying, keptAddresses, type NodeView } from "./node-view.ts";

/** The view with the least used ENIs draining that are more than the node may have: a limit was lowered. */
export function drainExcess(view: NodeView): NodeView {
  const staying = view.enis.filter((eni) => !isEmptying(eni) && !isElsewhere(eni));
  const excess = staying.length - view.limit.enis;
  if (excess <= 0) return view;
  const used = (eni: EniView) =>
    keptAddresses(eni).filter((a) => a.use === "in-use" || a.use === "unknown").length;
  const going = new Set(
    staying
      .toSorted(
        (a, b) =>
          used(a) - used(b) || keptAddresses(a).length - keptAddresses(b).length || (a.id < b.id ? -1 : 1),
      )
      .slice(0, excess)
      .map((eni) => eni.id),
  );
  return { ...view, enis: view.enis.map((eni) => (going.has(eni.id) ? { ...eni, draining: true } : eni)) };
}
