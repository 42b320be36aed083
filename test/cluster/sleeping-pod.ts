import { ENI_IP_RESOURCE } from "../../src/api/extended-resources.ts";
import { busyboxImage } from "./images/base-images.ts";

/** The `spec` of a pod that does nothing and ends at once, on an image that every node has. @param asks whether it asks for an address */
export function sleepingPod({ asks = true }: { readonly asks?: boolean } = {}) {
  return {
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: "main",
        image: busyboxImage,
        imagePullPolicy: "Never",
        command: ["sleep", "1000000"],
        ...(asks && { resources: { limits: { [ENI_IP_RESOURCE]: "1" } } }),
      },
    ],
  };
}
