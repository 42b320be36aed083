import { CniError, CODES } from "../cni/error.ts";
import type { NetworkConfiguration } from "../cni/network-configuration.ts";

/** Our own IPAM type, both as an executable and inside tke-route-eni. */
export const IPAM_TYPE = "tke-eni-ipamc";

/** Any other is the name of an executable. */
const EXECUTABLE_NAME = /^[a-z0-9][a-z0-9._-]*$/i;
const DEFAULT_BACKEND = "unix:///run/tke-eni-agent/cni.sock";
const DEFAULT_RELEASES = "/var/lib/tke-eni-agent/releases";

/** Where the agent's address API listens. */
export type Backend = { readonly socket: string } | { readonly host: string };

export interface IpamConfiguration {
  readonly backend: Backend;
  /** Folder for the releases that could not be told to the agent. */
  readonly releases: string;
}

/** Who gives addresses under tke-route-eni: the agent, or another IPAM plugin. */
export type AnyIpam =
  | ({ readonly type: typeof IPAM_TYPE } & IpamConfiguration)
  | { readonly type: "delegated"; readonly executable: string };

/**
 * Reads the `ipam` object under tke-route-eni, where `type` may also name another IPAM plugin of CNI_PATH.
 * @throws CniError 7 for a key that breaks its rule: a name that would lead out of CNI_PATH, or back here.
 */
export function parseAnyIpam(configuration: NetworkConfiguration): AnyIpam {
  const { ipam, own } = configuration;
  const type = ipam?.requiredString("type");
  if (ipam === undefined || type === undefined || type === IPAM_TYPE) {
    return { type: IPAM_TYPE, ...parseIpamConfiguration(configuration) };
  }
  if (!EXECUTABLE_NAME.test(type)) {
    throw ipam.invalid("type", "must be the name of an executable in CNI_PATH, without any /");
  }
  if (type === own.string("type")) throw ipam.invalid("type", "must be another plugin than the one itself");
  return { type: "delegated", executable: type };
}

/**
 * Reads the `ipam` object of our own type: `{"type": "tke-eni-ipamc", "backend": "unix:///run/tke-eni-agent/cni.sock"}`. A backend is
 * `unix://PATH`, a plain path, or `HOST:PORT`.
 * @throws CniError 2 for another type, 7 for a key that breaks its rule.
 */
export function parseIpamConfiguration({ ipam, own }: NetworkConfiguration): IpamConfiguration {
  if (ipam === undefined) throw own.invalid("ipam", `must be an object like {"type": "${IPAM_TYPE}"}`);
  const type = ipam.requiredString("type");
  if (type !== IPAM_TYPE) {
    throw new CniError(
      CODES.unsupportedField,
      `network configuration: ipam.type is "${type}", and only "${IPAM_TYPE}" is supported`,
    );
  }
  const backend = parseBackend(ipam.string("backend") ?? DEFAULT_BACKEND);
  if (backend === undefined) {
    throw ipam.invalid("backend", "must be unix:// and an absolute path, an absolute path, or HOST:PORT");
  }
  const releases = ipam.string("releases") ?? DEFAULT_RELEASES;
  if (!releases.startsWith("/")) throw ipam.invalid("releases", "must be an absolute path");
  return { backend, releases };
}

/** The backend as people write it. */
export function formatBackend(backend: Backend): string {
  return "socket" in backend ? backend.socket : backend.host;
}

function parseBackend(text: string): Backend | undefined {
  const path = text.startsWith("unix://") ? text.slice("unix://".length) : text;
  if (path.startsWith("/")) return { socket: path };
  return /^([a-z0-9.-]+|\[[0-9a-f:]+\]):\d{1,5}$/i.test(text) ? { host: text } : undefined;
}
