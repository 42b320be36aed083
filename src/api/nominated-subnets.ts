import { POD_ANNOTATIONS } from "./annotations.ts";

/** The subnets that a pod names for itself, separated by commas as TKE has it; none where it names none. */
export function nominatedSubnets(annotations: Readonly<Record<string, string>>): readonly string[] {
  return (annotations[POD_ANNOTATIONS.nominatedSubnets] ?? "")
    .split(",")
    .map((id) => id.trim())
    .filter((id) => id !== "");
}
