import {
  existsSync,
  type FSWatcher,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  watch,
} from "node:fs";
import { join } from "node:path";
import type { Logger } from "../logger.ts";
import type { AttachmentKey } from "../pool/attachment.ts";

const SUFFIX = ".json";
/** The folder is looked at this often whatever its watch says: it may have been made anew. */
const POLL_MS = 5_000;

export interface QueuedReleasesWorld {
  readonly logger: Logger;
  release(attachment: AttachmentKey): string[];
}

/** Takes in the releases that plugins left on disk while no agent answered. */
export class QueuedReleases {
  readonly #folder: string;
  readonly #world: QueuedReleasesWorld;
  #watcher: FSWatcher | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(folder: string, world: QueuedReleasesWorld) {
    this.#folder = folder;
    this.#world = world;
  }

  /** Takes what is there, and from now on what comes. */
  start(): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#watcher = watch(this.#folder, () => this.takeAll());
    this.#timer = setInterval(() => this.takeAll(), POLL_MS);
    this.takeAll();
  }

  stop(): void {
    this.#watcher?.close();
    clearInterval(this.#timer);
  }

  /** One look at the folder. A release whose file cannot be understood is put aside for a person. */
  takeAll(): void {
    if (!existsSync(this.#folder)) return;
    for (const name of readdirSync(this.#folder)) {
      if (name.endsWith(SUFFIX)) this.#take(join(this.#folder, name));
    }
  }

  #take(path: string): void {
    const { logger, release } = this.#world;
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch {
      // Taken by another look in the meantime, or no file.
      return;
    }
    try {
      const attachment = parse(text);
      if (attachment === undefined) {
        logger.error(
          { path, text: text.slice(0, 200) },
          "a queued release cannot be understood and is put aside",
        );
        renameSync(path, `${path}.bad`);
        return;
      }
      const addresses = release(attachment);
      logger.info({ ...attachment, addresses }, "took in a queued release");
      rmSync(path, { force: true });
    } catch (error) {
      // The file stays and is tried again.
      logger.error({ path, err: error }, "a queued release could not be taken in");
    }
  }
}

function parse(text: string): AttachmentKey | undefined {
  try {
    const { containerId, ifName } = JSON.parse(text) as Record<string, unknown>;
    if (typeof containerId !== "string" || typeof ifName !== "string") return undefined;
    return containerId === "" || ifName === "" ? undefined : { containerId, ifName };
  } catch {
    return undefined;
  }
}
