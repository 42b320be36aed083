import { z } from "zod";

/** A request by ipamd to have something back, answered by the agent of the node (DESIGN: reclaim is a token). */
export const Reclaim = z
  .object({
    token: z.string().min(1).describe("Fresh for each request; the agent's answer repeats it."),
    mode: z
      .enum(["now", "when-free", "move"])
      .describe(
        "`now`: answer at once, Refused while in use. `when-free`: wait until no pod holds it and it has rested. `move`: wait until no pod " +
          "holds it; it goes to the next pod of the same name, and need not rest.",
      ),
  })
  .describe("Set while ipamd wants this back.");
export type Reclaim = z.infer<typeof Reclaim>;
