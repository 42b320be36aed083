import type { Result } from "./result.ts";

/**
 * What a plugin answers that was given the result of those before it in a chain: theirs, with its own added. DNS settings of its own
 * take the place of theirs.
 */
export function extendResult(before: Result, own: Result): Result {
  const interfaces = before.interfaces ?? [];
  const dns = own.dns ?? before.dns;
  return {
    interfaces: [...interfaces, ...(own.interfaces ?? [])],
    ips: [
      ...before.ips,
      ...own.ips.map((ip) =>
        ip.interface === undefined ? ip : { ...ip, interface: ip.interface + interfaces.length },
      ),
    ],
    routes: [...before.routes, ...own.routes],
    ...(dns && { dns }),
  };
}
