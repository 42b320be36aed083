import { z } from "zod";

/** How a connection ends on which there is no answer: at once, or when the caller has waited long enough. */
const manner = z.enum(["close", "hang"]).default("close");

const ms = z.int().positive();

/** What a fault does to a call. */
export const faultEffectSchema = z.discriminatedUnion("kind", [
  /** It is refused, and nothing has happened. */
  z.strictObject({
    kind: z.literal("refuse"),
    code: z.string().min(1),
    message: z.string().default("A fault was injected."),
  }),
  /** It never arrives. */
  z.strictObject({ kind: z.literal("loseRequest"), manner }),
  /** It is done, and nobody is told. */
  z.strictObject({ kind: z.literal("loseAnswer"), manner }),
  /** It arrives so much later, as one does that was paused on its way. */
  z.strictObject({ kind: z.literal("delayRequest"), ms }),
  /** It is done, and the answer comes so much later. */
  z.strictObject({ kind: z.literal("delayAnswer"), ms }),
  /** It is accepted, and its task comes to nothing; `at` is the half of CreateAndAttachNetworkInterface that fails. */
  z.strictObject({
    kind: z.literal("failTask"),
    output: z.string().default("A fault was injected."),
    at: z.enum(["create", "attach"]).optional(),
  }),
  /** It is accepted, and its task takes so much longer; without a figure, until it is released. */
  z.strictObject({ kind: z.literal("stallTask"), ms: ms.optional() }),
  /** When it has been served, and before anybody else is, an outsider takes addresses of a subnet. */
  z.strictObject({ kind: z.literal("takeAddresses"), subnetId: z.string(), count: z.int().positive() }),
]);

export type FaultEffect = z.infer<typeof faultEffectSchema>;

/** Which calls a fault meets, and what it does to them. */
export const faultWishSchema = z.strictObject({
  /** Names of actions; `*` is every call, also one that is not understood. */
  actions: z.array(z.string().min(1)).min(1).readonly(),
  /** How often it strikes, of the calls it meets. */
  probability: z.number().gt(0).max(1).default(1),
  /** After so many strikes it is over; without a figure it goes on. */
  calls: z.int().positive().optional(),
  /** After so many milliseconds it is over; without a figure it goes on. */
  forMs: z.int().positive().optional(),
  effect: faultEffectSchema,
});

/** As it is written: what has a default may be left out. */
export type FaultWish = z.input<typeof faultWishSchema>;

/** A fault that is in force, or was. */
export interface Fault extends Omit<z.infer<typeof faultWishSchema>, "calls" | "forMs"> {
  readonly id: string;
  readonly struck: number;
  /** Strikes that are left. */
  readonly left?: number;
  /** Milliseconds since the epoch. */
  readonly until?: number;
}
