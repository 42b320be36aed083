import type { JsonObject } from "./json-object.ts";
import type { Result, ResultAddress, ResultDns, ResultInterface, ResultRoute } from "./result.ts";

const ANY_NUMBER = { min: 0, max: 0xffff_ffff };

/**
 * Reads the result of an ADD, whatever version it is written in: `prevResult`, or the answer of a delegated plugin. From 0.3.0 on the
 * keys are the same but for some that came later; before that there was one `ip4` and one `ip6`.
 * @throws CniError 7 naming the key that breaks its rule.
 */
export function parseResult(result: JsonObject): Result {
  const old = (["ip4", "ip6"] as const).flatMap((key) => result.object(key) ?? []);
  const interfaces = result.objects("interfaces")?.map(parseInterface);
  const dns = result.object("dns");
  return {
    ...(interfaces && { interfaces }),
    ips: [...(result.objects("ips") ?? []).map(parseAddress), ...old.map(parseOldAddress)],
    routes: [result, ...old].flatMap((holder) => holder.objects("routes") ?? []).map(parseRoute),
    ...(dns && { dns: parseDns(dns) }),
  };
}

/** Reads a `dns` dictionary, of a result or of a network configuration. @throws CniError 7 */
export function parseDns(dns: JsonObject): ResultDns {
  return known({
    nameservers: dns.strings("nameservers"),
    domain: dns.string("domain"),
    search: dns.strings("search"),
    options: dns.strings("options"),
  });
}

function parseInterface(made: JsonObject): ResultInterface {
  return {
    name: made.requiredString("name"),
    ...known({
      mac: made.string("mac"),
      sandbox: made.string("sandbox"),
      mtu: made.integer("mtu", ANY_NUMBER),
      socketPath: made.string("socketPath"),
      pciID: made.string("pciID"),
    }),
  };
}

function parseAddress(ip: JsonObject): ResultAddress {
  return {
    address: ip.requiredString("address"),
    ...known({ gateway: ip.string("gateway"), interface: ip.integer("interface", ANY_NUMBER) }),
  };
}

function parseOldAddress(ip: JsonObject): ResultAddress {
  return { address: ip.requiredString("ip"), ...known({ gateway: ip.string("gateway") }) };
}

function parseRoute(route: JsonObject): ResultRoute {
  return {
    dst: route.requiredString("dst"),
    ...known({
      gw: route.string("gw"),
      mtu: route.integer("mtu", ANY_NUMBER),
      advmss: route.integer("advmss", ANY_NUMBER),
      priority: route.integer("priority", ANY_NUMBER),
      table: route.integer("table", ANY_NUMBER),
      scope: route.integer("scope", ANY_NUMBER),
    }),
  };
}

/** Without the keys that are undefined: what was not said is not said again. */
function known<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
