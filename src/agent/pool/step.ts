import { enqueue, goAway, serveWaiters } from "./allocate.ts";
import { endCoolDowns, noteVeths } from "./cool-down.ts";
import { answerEniReclaims, claimsListed } from "./eni-reclaim.ts";
import type { Instant } from "./instant.ts";
import { objectGone, objectSeen, objectsListed, orphanJudged } from "./observe-object.ts";
import { andThen, type Outcome, unchanged } from "./outcome.ts";
import type { PoolEvent } from "./pool-event.ts";
import type { PoolState } from "./pool-state.ts";
import { answerReclaims } from "./reclaim.ts";
import { release } from "./release.ts";
import { adoptStrangers, strangersSeen, withoutStranger } from "./strangers.ts";

/**
 * The pool's one decision: what an event makes of the state, what must be written for it, and what is told afterwards.
 *
 * After each event everything that has become possible is done, pods before ipamd: holders that the kernel shows get what they hold,
 * cool-downs end, callers are served, and only what is then left over is promised back.
 */
export function step(state: PoolState, event: PoolEvent, now: Instant): Outcome {
  const taken = take(state, event, now);
  const adopted = andThen(taken, (s) => adoptStrangers(s, now));
  const rested = andThen(adopted, (s) => endCoolDowns(s, now));
  const served = andThen(rested, (s) => serveWaiters(s, now));
  const answered = andThen(served, (s) => answerReclaims(s, now));
  return andThen(answered, (s) => answerEniReclaims(s, now));
}

function take(state: PoolState, event: PoolEvent, now: Instant): Outcome {
  switch (event.type) {
    case "opened":
      return unchanged({ ...state, open: true });
    case "instance-known":
      return unchanged({ ...state, instanceId: event.instanceId });
    case "object-seen":
      return objectSeen(state, event.object, now);
    case "object-gone":
      return objectGone(state, event.address);
    case "objects-listed":
      return objectsListed(state, event.objects, now);
    case "claims-listed":
      return claimsListed(state, event.claims);
    case "enis-ready":
      return unchanged({ ...state, readyEnis: event.eniIds });
    case "allocate":
      return enqueue(state, {
        id: event.waiter,
        attachment: event.attachment,
        netns: event.netns,
        ownOnly: event.ownOnly ?? false,
      });
    case "give-up":
      return goAway(state, event.waiter);
    case "release":
      return release(withoutStranger(state, event.attachment.containerId), event.attachment, now);
    case "strangers-seen":
      return strangersSeen(state, event.strangers);
    case "orphan-judged":
      return orphanJudged(state, event);
    case "veths-read":
      return noteVeths(state, event);
    case "slots-offered":
      return unchanged({ ...state, offeredSlots: event.count });
    case "slots-held":
      return unchanged({ ...state, heldSlots: event.held });
    case "growth-known":
      return unchanged({ ...state, growth: event.growth });
    case "tick":
      return unchanged(state);
  }
}
