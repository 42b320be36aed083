/** What the kubelet calls devices: as many as there are addresses, but none of them is any particular address. */
export type Slots = ReadonlySet<string>;

const PREFIX = "eni-ip-";

/** Name of a slot, the same in every life of the agent: a pod holds its slot longer than an agent lives. */
export function slotId(number: number): string {
  return `${PREFIX}${String(number).padStart(3, "0")}`;
}

/** The slots with the lowest free ones added, until there are `count`; never fewer than there were. */
export function grown(slots: Slots, count: number): Slots {
  const next = new Set(slots);
  for (let number = 0; next.size < count; number++) next.add(slotId(number));
  return next;
}

/**
 * The slots without the highest of those that nobody holds, until there are `count`. What pods hold stays: the kubelet fails a
 * pod for good whose slot is missing when it admits it.
 */
export function shrunk(slots: Slots, { count, held }: { count: number; held: Slots }): Slots {
  const free = [...slots].filter((slot) => !held.has(slot)).toSorted();
  const withdrawn = free.slice(Math.max(0, free.length - Math.max(0, slots.size - count)));
  return slots.difference(new Set(withdrawn));
}
