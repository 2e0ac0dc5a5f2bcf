/** The configuration of a running Envoy, changed without losing a stream. */
import { join } from "node:path";
import { delay, now, startDeadline, UsageError } from "../../service/mod.ts";
import type { AdminClient } from "../admin.ts";
import { lastLines } from "../log_tail.ts";
import type { LaunchedConfig } from "../overlay.ts";
import { canonicalJson, type JsonObject } from "../tree.ts";
import { assertAccepted } from "../validate.ts";
import type { DiscoveryFolder } from "./folder.ts";
import { type Resource, type SplitConfig, splitConfig } from "./split.ts";

/** Outcome of a change. */
export interface ConfigChange {
  /**
   * `applied`: new requests see it; `unchanged`: there is nothing to change; `restart`: a listener would have to
   * change, so that nothing was.
   */
  readonly outcome: "applied" | "unchanged" | "restart";
  /** Both configurations; for `restart`, of each the half that only a new listener can have. */
  readonly from: JsonObject;
  readonly to: JsonObject;
  /** Milliseconds from the first rename to Envoy's last word. */
  readonly ms: number;
}

/** How long Envoy may take to tell what it thinks of a change: it takes milliseconds. */
const WORD_MS = 5_000;
/** Between two looks at its counters. */
const LOOK_MS = 10;

/** Counters of updates, by what Envoy calls them behind the resource's prefix. */
const WORDS = ["update_success", "update_rejected", "update_failure"] as const;

export interface LiveConfigOptions {
  readonly launched: LaunchedConfig;
  readonly folder: DiscoveryFolder;
  readonly admin: AdminClient;
  readonly envoyPath: string;
  /** Worker threads; one per core when left out. */
  readonly concurrency?: number | undefined;
  readonly runDir: string;
  readonly logPath: string;
}

/** Changes one at a time, in their order. */
export class LiveConfig {
  readonly #options: LiveConfigOptions;
  #launched: LaunchedConfig;
  #split: SplitConfig;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: LiveConfigOptions) {
    this.#options = options;
    this.#launched = options.launched;
    this.#split = splitConfig(options.launched.bootstrap, options.folder.sourceOf);
  }

  /** The configuration in force. */
  get launched(): LaunchedConfig {
    return this.#launched;
  }

  /**
   * Lets Envoy judge a configuration, and puts it in force where that needs no listener. Clusters are added before the
   * routes that lead to them change, and removed after: a running request finds its own until it ends.
   *
   * @throws {UsageError} with Envoy's reason when it refuses; what was in force is then in force again
   */
  apply(next: LaunchedConfig): Promise<ConfigChange> {
    const change = this.#last.then(() => this.#apply(next));
    this.#last = change.catch(() => {});
    return change;
  }

  async #apply(next: LaunchedConfig): Promise<ConfigChange> {
    const [from, to] = [this.#launched.bootstrap, next.bootstrap];
    if (canonicalJson(from) === canonicalJson(to)) return { outcome: "unchanged", from, to, ms: 0 };
    const split = splitConfig(next.bootstrap, this.#options.folder.sourceOf);
    const { envoyPath, concurrency, runDir } = this.#options;
    await assertAccepted(next.text, {
      envoyPath,
      concurrency,
      candidate: join(runDir, "envoy.candidate.json"),
    });
    if (canonicalJson(split.bootstrap) !== canonicalJson(this.#split.bootstrap)) {
      return {
        outcome: "restart",
        from: this.#split.bootstrap,
        to: split.bootstrap,
        ms: 0,
      };
    }
    const began = now();
    try {
      for (const step of stepsOf(this.#split.resources, split.resources)) await this.#move(step);
    } catch (error) {
      // In force again, whatever step was refused: each file says again what it said.
      for (const step of stepsOf(split.resources, this.#split.resources)) {
        this.#options.folder.write(step);
      }
      throw error;
    }
    this.#launched = next;
    this.#split = split;
    return { outcome: "applied", from, to, ms: Math.round(now() - began) };
  }

  /** Writes resources and waits until Envoy has said something about each that changed. */
  async #move(resources: readonly Resource[]): Promise<void> {
    const { folder, admin, logPath } = this.#options;
    const before = await admin.stats(UPDATES);
    const patterns = new Set(folder.write(resources).map(counterOf));
    const waiting = new Set([...patterns].filter((pattern) => has(before, pattern)));
    let isOver = false;
    using _ = startDeadline(WORD_MS, () => isOver = true);
    while (waiting.size > 0 && !isOver) {
      const counters = await admin.stats(UPDATES);
      for (const pattern of waiting) {
        const [good, ...bad] = WORDS.map((word) =>
          sum(counters, pattern, word) - sum(before, pattern, word)
        );
        if (bad.some((count) => count > 0)) {
          throw new UsageError(`Envoy refuses it: ${await refusalIn(logPath)}`);
        }
        if (good !== undefined && good > 0) waiting.delete(pattern);
      }
      if (waiting.size > 0) await delay(LOOK_MS);
    }
    if (waiting.size > 0) {
      throw new UsageError(`Envoy said nothing about it within ${WORD_MS / 1_000} s`);
    }
  }
}

/** Regular expression of the counters of all updates. */
const UPDATES = `\\.(${WORDS.join("|")})$`;

/** Prefix of a resource's counters, as a regular expression: a table of routes is counted under a listener's name. */
function counterOf({ kind, name }: Resource): string {
  const own = name.replace(/[.*+?^$\{}()|[\]\\:]/g, (char) => char === ":" ? "_" : `\\${char}`);
  return {
    cds: "^cluster_manager\\.cds",
    eds: `^cluster\\.${own}`,
    rds: `^http\\..*\\.rds\\.${own}`,
    ecds: `^extension_config_discovery\\.http_filter\\.${own}`,
  }[kind];
}

function has(counters: ReadonlyMap<string, number>, pattern: string): boolean {
  const regular = new RegExp(`${pattern}\\.update_success$`);
  return [...counters.keys()].some((name) => regular.test(name));
}

function sum(counters: ReadonlyMap<string, number>, pattern: string, word: string): number {
  const regular = new RegExp(`${pattern}\\.${word}$`);
  return [...counters].reduce(
    (total, [name, value]) => regular.test(name) ? total + value : total,
    0,
  );
}

/**
 * The order in which a change is moved in: endpoints and clusters, those included that are on their way out; then what
 * refers to them; then the clusters that are left.
 */
function stepsOf(from: readonly Resource[], to: readonly Resource[]): Resource[][] {
  const of = (resources: readonly Resource[], kind: Resource["kind"]) =>
    resources.filter((one) => one.kind === kind);
  const names = new Set(of(to, "cds").map(({ name }) => name));
  const leaving = of(from, "cds").filter(({ name }) => !names.has(name));
  return [
    of(to, "eds"),
    [...of(to, "cds"), ...leaving],
    [...of(to, "rds"), ...of(to, "ecds")],
    of(to, "cds"),
  ];
}

/** Envoy's reason, as its log has it. */
async function refusalIn(logPath: string): Promise<string> {
  const lines = (await lastLines(logPath, 20)).split("\n");
  const found = lines.findLast((line) =>
    /rejected|Filesystem config update|Unable to|error/i.test(line)
  );
  return found?.replace(/^(\[[^\]]*\])+\s*(\[[^\]]*\]\s*)?/, "") ?? "its log does not say why";
}
