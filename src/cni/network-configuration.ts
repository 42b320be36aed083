import { JsonObject } from "./json-object.ts";
import { isName } from "./name.ts";
import { type SpecVersion, specVersion } from "./version.ts";

/** What a plugin gets on its standard input. Keys that no plugin of ours reads are nobody's error: chains carry them along. */
export interface NetworkConfiguration {
  readonly version: SpecVersion;
  /** Name of the network. */
  readonly name: string;
  /** Name of the plugin. */
  readonly type: string;
  readonly ipam: JsonObject | undefined;
  /** All keys, for those that are a plugin's own. */
  readonly own: JsonObject;
  /** The text itself, which a delegated plugin is given as it is. */
  readonly text: string;
}

/**
 * Reads and checks a network configuration ("Section 1: Network configuration format", as a plugin is given it).
 * @throws CniError 6 for what is no JSON, 1 for a version that is not spoken, 7 for any other key that breaks its rule.
 */
export function parseNetworkConfiguration(text: string): NetworkConfiguration {
  const own = JsonObject.parse(text, "network configuration");
  // Before any other key: what the others must be depends on the version. Without one it is 0.1.0, says the specification.
  const version = specVersion(own.string("cniVersion") ?? "0.1.0");
  const name = own.requiredString("name");
  if (!isName(name)) {
    throw own.invalid("name", "must begin with a letter or digit and go on with those, _, . or -");
  }
  return {
    version,
    name,
    type: own.requiredString("type"),
    ipam: own.object("ipam"),
    own,
    text,
  };
}

/** The caller's version in the standard input of VERSION; undefined for empty input or none. */
export function parseVersionRequest(text: string): string | undefined {
  return text.trim() === "" ? undefined : JsonObject.parse(text, "standard input").string("cniVersion");
}
