/** Where everything that the cloud invents comes from: the same dice give the same ids and addresses. */
export type Dice = number;

/** What was rolled, and the dice for the next roll. */
export interface Roll<T> {
  readonly value: T;
  readonly dice: Dice;
}

/** An id of the cloud's form: the prefix and eight characters, `eni-k3v9x0ab`. */
export function rollId(dice: Dice, prefix: string): Roll<string> {
  const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
  let suffix = "";
  let next = dice;
  for (let i = 0; i < 8; i++) {
    const roll = rollNumber(next, alphabet.length);
    suffix += alphabet[roll.value];
    next = roll.dice;
  }
  return { value: `${prefix}-${suffix}`, dice: next };
}

/** A MAC address under 20:90:6f, one of Tencent's own prefixes. */
export function rollMac(dice: Dice): Roll<string> {
  const octets = ["20", "90", "6f"];
  let next = dice;
  for (let i = 0; i < 3; i++) {
    const roll = rollNumber(next, 256);
    octets.push(roll.value.toString(16).padStart(2, "0"));
    next = roll.dice;
  }
  return { value: octets.join(":"), dice: next };
}

/** Rolls until the outcome is not one of those taken. */
export function rollUnused<T>(
  roll: (dice: Dice) => Roll<T>,
  dice: Dice,
  isTaken: (value: T) => boolean,
): Roll<T> {
  let outcome = roll(dice);
  while (isTaken(outcome.value)) {
    outcome = roll(outcome.dice);
  }
  return outcome;
}

/** A number that is at least 0 and less than `below`. */
export function rollNumber(dice: Dice, below: number): Roll<number> {
  // splitmix32: a whole period of 2^32 from any seed, in a state that is one number.
  const next = (dice + 0x9e3779b9) >>> 0;
  let z = next;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return { value: ((z ^ (z >>> 16)) >>> 0) % below, dice: next };
}
