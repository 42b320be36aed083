import { expect, it } from "bun:test";
import { madeNumbers } from "../testing/cluster-view.ts";
import { Reservations } from "./reservations.ts";

const FIT = { subnetId: "subnet-a", hasEni: true, takes: 1 } as const;

it("remembers pods that wait no more for a minute, also where nothing is decided", () => {
  const reservations = new Reservations(madeNumbers);
  reservations.gone("uid-a", 0);
  reservations.gone("uid-b", 59_000);
  expect(reservations.isGone("uid-a")).toBe(true);
  reservations.gone("uid-c", 60_000);
  expect(["uid-a", "uid-b", "uid-c"].map((uid) => reservations.isGone(uid))).toEqual([false, true, true]);
});

it("keeps what a pod took until its own claim is seen: a former pod's that is on its way out is another", () => {
  const reservations = new Reservations(madeNumbers);
  reservations.take("uid-a", { key: "shop/a", node: "n1", fit: FIT, now: 0 });
  reservations.saw({ key: "shop/a", node: "n1", leaving: true });
  expect(reservations.inSubnet("subnet-a").addresses).toBe(1);
  reservations.saw({ key: "shop/a", node: "n2", leaving: false });
  expect(reservations.inSubnet("subnet-a").addresses).toBe(1);
  reservations.saw({ key: "shop/a", node: "n1", leaving: false });
  expect(reservations.inSubnet("subnet-a").addresses).toBe(0);
});
