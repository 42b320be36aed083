/**
 * The six bytes of `02:00:0a:00:10:05`, in either case.
 * @throws TypeError naming the text when it is no MAC address.
 */
export function parseMacAddress(text: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) throw new TypeError(`"${text}" is not a MAC address`);
  return Uint8Array.from(text.split(":"), (part) => Number.parseInt(part, 16));
}

/** Lower-case text with colons. */
export function formatMacAddress(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}
