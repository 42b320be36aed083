import { CLUSTER_CONFIGURATION } from "../../api/cluster-configuration.ts";
import type { ConfigMap } from "../../kube/core-resources.ts";
import { type ClusterSettings, readClusterSettings } from "./cluster-settings.ts";
import type { SettingProblem } from "./setting-problem.ts";

/** What is in force for the cluster, kept up to date with its ConfigMap. */
export class Configuration {
  readonly #fallback: ClusterSettings;
  readonly #published: () => readonly string[];
  readonly #problems: (problems: readonly SettingProblem[]) => void;
  #inForce: ClusterSettings | undefined;

  /**
   * @param options.fallback from flags
   * @param options.published ids of subnets that a former leader had in force
   * @param options.problems called at each reading with what is not taken
   */
  constructor(options: {
    fallback: ClusterSettings;
    published?: () => readonly string[];
    problems: (problems: readonly SettingProblem[]) => void;
  }) {
    this.#fallback = options.fallback;
    this.#published = options.published ?? (() => []);
    this.#problems = options.problems;
  }

  get vpcId(): string {
    return this.#now().vpcId;
  }

  /** Container subnets that new addresses may come from. */
  get subnetIds(): readonly string[] {
    return this.#now().subnetIds;
  }

  /**
   * Takes what the ConfigMap says now; undefined where there is none.
   *
   * @returns whether something else is in force than before
   */
  read(configMap: ConfigMap | undefined): boolean {
    const before = this.#now();
    const { problems, ...settings } = readClusterSettings(configMap?.data, {
      fallback: this.#fallback,
      lastGood: this.#inForce,
      published: this.#inForce === undefined ? this.#published() : [],
    });
    this.#problems(problems);
    this.#inForce = settings;
    return !Bun.deepEquals(before, settings);
  }

  #now(): ClusterSettings {
    return this.#inForce ?? this.#fallback;
  }
}

/** How Events name the ConfigMap. */
export const CONFIGURATION_REFERENCE = {
  apiVersion: "v1",
  kind: "ConfigMap",
  namespace: CLUSTER_CONFIGURATION.namespace,
  name: CLUSTER_CONFIGURATION.name,
} as const;
