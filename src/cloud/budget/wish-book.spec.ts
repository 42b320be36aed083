import { describe, expect, test } from "bun:test";
import { WishBook } from "./wish-book.ts";

/** Serves whoever is first until nobody waits, and names them in that order. */
function serveAll(book: WishBook): string[] {
  const served: string[] = [];
  for (;;) {
    const firsts = book.keys().flatMap((key) => book.first(key) ?? []);
    const [next] = firsts.sort((a, b) => (book.isBefore(a, b) ? -1 : 1));
    if (next === undefined) return served;
    book.serve(next, 0);
    served.push(`${next.node}:${next.key}`);
  }
}

describe("WishBook", () => {
  test("serves the more urgent first", () => {
    const book = new WishBook();
    book.put("a", "UnassignPrivateIpAddresses", "release");
    book.put("b", "AssignPrivateIpAddresses", "warm-up");
    book.put("c", "AssignPrivateIpAddresses", "waiting-pod");
    expect(serveAll(book)).toEqual([
      "c:AssignPrivateIpAddresses",
      "b:AssignPrivateIpAddresses",
      "a:UnassignPrivateIpAddresses",
    ]);
  });

  test("serves a node with many wishes once a round", () => {
    const book = new WishBook();
    book.put("a", "creation", "warm-up");
    book.put("a", "AssignPrivateIpAddresses", "warm-up");
    book.put("a", "DetachNetworkInterface", "warm-up");
    book.put("b", "creation", "warm-up");
    book.put("c", "creation", "warm-up");
    expect(serveAll(book)).toEqual([
      "a:creation",
      "b:creation",
      "c:creation",
      "a:AssignPrivateIpAddresses",
      "a:DetachNetworkInterface",
    ]);
  });

  test("serves the node first that was served longest ago", () => {
    const book = new WishBook();
    for (const node of ["a", "b", "c"]) book.put(node, "creation", "warm-up");
    serveAll(book);
    for (const node of ["c", "b", "a", "new"]) book.put(node, "creation", "warm-up");
    expect(serveAll(book)).toEqual(["new:creation", "a:creation", "b:creation", "c:creation"]);
  });

  test("keeps the place of a wish whose urgency changes", () => {
    const book = new WishBook();
    book.put("a", "creation", "release");
    book.put("b", "creation", "warm-up");
    book.put("a", "creation", "warm-up");
    expect(book.first("creation")?.node).toBe("a");
  });

  test("forgets that a node was served a minute ago", () => {
    const book = new WishBook();
    const serve = (node: string, now: number) => {
      book.put(node, "creation", "warm-up");
      const wish = book.first("creation", (it) => it.node === node);
      if (wish !== undefined) book.serve(wish, now);
    };
    serve("a", 0);
    serve("b", 60_001);
    book.put("new", "creation", "warm-up");
    book.put("a", "creation", "warm-up");
    book.put("b", "creation", "warm-up");
    expect(serveAll(book)).toEqual(["new:creation", "a:creation", "b:creation"]);
  });

  test("drops a wish", () => {
    const book = new WishBook();
    book.put("a", "creation", "warm-up");
    book.drop("a", "creation");
    book.drop("b", "creation");
    expect(book.keys()).toEqual([]);
    expect(book.waiting("creation")).toBe(0);
  });
});
