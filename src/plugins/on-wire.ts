/**
 * A generated message as it stands in JSON: without the generator's own fields, and every field may be absent, since JSON
 * leaves out zeros. For messages of strings, 32-bit numbers and messages only, whose JSON has the same types.
 */
export type OnWire<T> = T extends { readonly $typeName: string }
  ? { readonly [K in Exclude<keyof T, "$typeName" | "$unknown">]?: OnWire<NonNullable<T[K]>> }
  : T extends readonly (infer E)[]
    ? readonly OnWire<E>[]
    : T;
