/** Rules on the bench: read, explained beside a request, run dry over recent decisions, saved where that is allowed. */
import {
  type DryRun,
  dryRun,
  explainRules,
  type Explanation,
  type KeptRequest,
  type Policy,
  readRules,
  type RulesFile,
} from "../policy/mod.ts";
import { messageOf, UsageError } from "../service/mod.ts";
import type { RulesProblem, RulesShown } from "./shown.ts";

/** The name of rules that no file holds. */
const UNSAVED = "rules.yaml";

/** The rules of a running policy stub. */
export class RulesBench {
  readonly #policy: Policy | undefined;
  readonly #isWritable: boolean;
  readonly #isOwn: (requestId: string) => boolean;

  constructor({ policy, isWritable = false, isOwn = () => false }: {
    readonly policy: Policy | undefined;
    readonly isWritable?: boolean | undefined;
    /** Whether a request is the gateway's own, and no decision of anybody's. */
    readonly isOwn?: ((requestId: string) => boolean) | undefined;
  }) {
    this.#policy = policy;
    this.#isWritable = isWritable;
    this.#isOwn = isOwn;
  }

  /** The rules in force. Throws `UsageError` where another engine decides. */
  current(): RulesShown {
    const { text, file, parsed } = this.#rules();
    return {
      text,
      file: file ?? null,
      version: parsed.version,
      writable: this.#isWritable,
    };
  }

  /** Reads rules and returns what is wrong with them, where. */
  async check(text: string): Promise<readonly RulesProblem[]> {
    try {
      await readRules(text, UNSAVED);
      return [];
    } catch (error) {
      if (error instanceof UsageError) return problemsOf(error.message);
      throw error;
    }
  }

  /** Decides a request by rules, those in force when `text` is left out, and says why. Throws `UsageError`. */
  async explain(request: KeptRequest, text?: string): Promise<Explanation> {
    return explainRules(await this.#read(text), request);
  }

  /** Decides the recent requests again by other rules. Throws `UsageError`. */
  async dryRun(text: string): Promise<DryRun> {
    const other = await this.#read(text);
    const { parsed } = this.#rules();
    const checks = this.#policy?.journal.entries() ?? [];
    return dryRun(other, {
      now: parsed,
      checks: checks.filter(({ requestId = "" }) => !this.#isOwn(requestId)),
    });
  }

  /**
   * Puts rules in force, and into their file where they have one.
   *
   * @throws {UsageError} for rules that cannot be used, and where saving is not allowed
   */
  async save(text: string): Promise<{ version: string; file: string | null }> {
    if (!this.#isWritable) {
      throw new UsageError("Cannot save: start with --console-write to let the console write");
    }
    const { file } = this.#rules();
    await this.#read(text);
    if (file === undefined) await this.#policy?.reload(text);
    else {
      try {
        await Deno.writeTextFile(file, text);
      } catch (error) {
        throw new UsageError(`Cannot save the rules "${file}": ${messageOf(error)}`);
      }
      await this.#policy?.reload();
    }
    return { version: this.#rules().parsed.version, file: file ?? null };
  }

  async #read(text: string | undefined): Promise<RulesFile> {
    return text === undefined ? this.#rules().parsed : await readRules(text, UNSAVED);
  }

  #rules() {
    const rules = this.#policy?.rules;
    if (rules !== undefined) return rules;
    throw new UsageError("Cannot show the rules: another policy engine decides here");
  }
}

/** Reads the places out of a reader's error: `rules.yaml:3:5: rules.0.match: Expected …`, one a line. */
function problemsOf(message: string): RulesProblem[] {
  const found = [...message.matchAll(/^\s*(?:.*?\s)?rules\.yaml:(\d+):(\d+): (.*)$/gm)].map(
    ([, line, column, text]) => ({
      line: Number(line),
      column: Number(column),
      message: text ?? "",
    }),
  );
  return found.length > 0 ? found : [{ line: 0, column: 0, message }];
}
