import { POD_ANNOTATIONS } from "../api/annotations.ts";
import { commaSeparated } from "./comma-separated.ts";

/** The subnets that a pod names for itself, separated by commas as TKE has it; none where it names none. */
export function nominatedSubnets(annotations: Readonly<Record<string, string>>): readonly string[] {
  return commaSeparated(annotations[POD_ANNOTATIONS.nominatedSubnets] ?? "");
}
