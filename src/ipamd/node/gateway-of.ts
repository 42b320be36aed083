/**
 * First host address of an IPv4 network, which the VPC uses as its gateway: "10.0.16.0/24" → "10.0.16.1".
 *
 * @throws when the text is no IPv4 network
 */
export function gatewayOf(cidr: string): string {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/\d{1,2}$/.exec(cidr);
  if (match === null)
    throw new TypeError(`"${cidr}" is no IPv4 network: expected something like 10.0.16.0/24`);
  const bytes = match.slice(1).map(Number);
  return [...bytes.slice(0, 3), (bytes[3] ?? 0) + 1].join(".");
}
