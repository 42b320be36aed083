import type { Json } from "../shape.ts";
import { ContractApi, type ContractServer } from "./contract-api.ts";
import { SCENARIOS } from "./scenarios.ts";

/** Names of the scenarios. */
export const SCENARIO_NAMES = Object.keys(SCENARIOS);

/** Puts a scenario to a server. @returns what it answered, in order */
export async function runScenario(name: string, server: ContractServer): Promise<readonly Json[]> {
  const api = new ContractApi(server);
  await SCENARIOS[name]?.(api);
  return api.answers;
}
