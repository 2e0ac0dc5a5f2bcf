/** One gateway with steps for all that is judged at once: a header of each request says which steps, and which defect. */
import type { Target } from "../../../../conformance/mod.ts";
import {
  type Answer,
  type HeaderList,
  type PhaseMessage,
  type Processor,
  processorService,
  type ProcessorStream,
  type StreamEnd,
} from "../../../../ext_proc/mod.ts";
import { startGrpcServer } from "../../../../grpc/mod.ts";
import {
  EngineClients,
  openStore,
  type Step,
  stepsOf,
  transformProcessor,
  transformSchema,
} from "../../../../transform/mod.ts";
import { bundledConfig } from "../../../../envoy/mod.ts";
import type { Config, StartOptions } from "../../../../mutants/mod.ts";
import { assertHasFilters, type OwnTarget, startOwnTarget } from "../../../../targets/mod.ts";
import { type AddOn, singleUpstream, withAddOns } from "../../../mod.ts";
import { transformOverlay } from "../transform.ts";
import { withTransform } from "../transform_config.ts";
import type { Defect } from "./defects.ts";

/** Says which steps a request goes through, and broken how: `LIST` or `LIST/MUTANT`. */
const CHOICE = "x-case-steps";

/** A word that no answer of the mock holds by chance. */
const WORD = "llmgate-forbidden";

/** Turns of a session that go into a request: few, so that a case can use them up. */
const TURNS = 3;

/** Nothing listens there. */
const NOBODY = "http://127.0.0.1:1/check";

/** One list of steps that is judged. */
interface List {
  /** The bundled configuration that its processor is put into. */
  readonly config: string;
  /** Features that a target with them declares. */
  readonly features: readonly string[];
  /** Returns the file, as it is written; `policy` is the engine's address. */
  steps(policy: string): readonly unknown[];
}

/** The steps that are judged. */
const LISTS: Readonly<Record<string, List>> = {
  all: {
    features: ["redact", "redact_request", "cache", "context"],
    config: "base",
    steps: () => [
      { redact: { detect: ["email", "card"] } },
      { context: { keep: { turns: TURNS } } },
      { cache: {} },
    ],
  },
  guarded: {
    features: ["guard", "guard_input"],
    config: "base",
    steps: () => [
      { guard: { input: { words: { list: [WORD] } }, output: { words: { list: [WORD] } } } },
    ],
  },
  reversible: {
    features: ["redact_reversible"],
    config: "base",
    steps: () => [{ redact: { detect: ["email"], replace: "reversible" } }],
  },
  unavailable: {
    features: ["guard_unavailable"],
    config: "base",
    steps: () => [{ guard: { input: { webhook: { url: NOBODY } } } }],
  },
  mcp: {
    config: "check/mcp",
    features: ["mcp_tools"],
    steps: (policy) => [{ mcp_tools: { policy } }],
  },
};

/** Options of {@linkcode startStack}. */
export interface StackOptions extends StartOptions {
  /** The bundled configuration; `base` when left out. */
  readonly config?: string;
  readonly defects?: Readonly<Record<string, Defect>>;
  /** Changes the parsed configuration in place before it is launched. */
  readonly edit?: (config: Config) => void;
}

/** A running stack, as the targets that it can be. */
export interface Stack extends AsyncDisposable {
  /** Returns the target with a list of steps, broken by the mutant of that name. */
  target(list: string, mutant?: string): Target;
}

/**
 * Starts it; resolves when it is ready.
 *
 * @throws {NotJudged} when this Envoy is too old for the configuration
 */
export async function startStack(
  { config = "base", defects = {}, edit, ...place }: StackOptions,
): Promise<Stack> {
  await assertHasFilters(config, place.envoyPath);
  const steps = new Steps(defects, () => own.gateway.policyAddress);
  const file = withTransform(bundledConfig(config));
  edit?.(file.bootstrap);
  const own: OwnTarget = await startOwnTarget({
    ...place,
    name: "own stack with steps",
    config: file,
    concurrency: 1,
    profile: withAddOns(singleUpstream(), [steps.addOn]),
  });
  return {
    target: (list, mutant) => ({
      ...own,
      name: mutant ?? `steps ${list}`,
      features: LISTS[list]?.features ?? [],
      wayIn: { headers: [[CHOICE, mutant === undefined ? list : `${list}/${mutant}`]] },
      guard: { word: WORD },
      context: { turns: TURNS },
    }),
    [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
  };
}

/** The lists by name. */
export const STEP_LISTS: Readonly<Record<string, Pick<List, "config" | "features">>> = LISTS;

/** The lists of steps, correct and broken, each made when it is asked for. */
class Steps {
  readonly addOn: AddOn;
  readonly #store = openStore(":memory:");
  readonly #engines = new EngineClients();
  readonly #defects: Readonly<Record<string, Defect>>;
  readonly #policy: () => string;
  readonly #made = new Map<string, Promise<readonly Step[]>>();

  constructor(defects: Readonly<Record<string, Defect>>, policy: () => string) {
    this.#defects = defects;
    this.#policy = policy;
    this.addOn = { ...transformOverlay(), start: () => this.#start() };
  }

  async #start() {
    await using stack = new AsyncDisposableStack();
    stack.use(this.#store);
    stack.use(this.#engines);
    const service = processorService(() => new Chosen((choice) => this.#stepsFor(choice)));
    const server = stack.use(await startGrpcServer({ services: [service] }));
    const owned = stack.move();
    return {
      ports: { transform: server.port },
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }

  #stepsFor(choice: string): Promise<readonly Step[]> {
    const known = this.#made.get(choice) ?? this.#make(choice);
    this.#made.set(choice, known);
    return known;
  }

  async #make(choice: string): Promise<readonly Step[]> {
    const [list = "", mutant = ""] = choice.split("/");
    const written = LISTS[list]?.steps(this.#policy());
    // The gateway's own warm-up chooses nothing, and meets no steps.
    if (written === undefined) return [];
    const file = transformSchema.parse({ version: 1, steps: written });
    const defect = this.#defects[mutant];
    const broken = defect?.file?.(file) ?? file;
    const make = () =>
      stepsOf(broken, {
        store: this.#store,
        now: Date.now,
        env: () => undefined,
        engine: this.#engines.at,
        background: () => {},
      });
    const steps = await make();
    return steps.map((step, at) => {
      const name = Object.keys(broken.steps[at] ?? {})[0] ?? "";
      const again = async () => (await make())[at] ?? step;
      return defect?.step?.(step, { name, again }) ?? step;
    });
  }
}

/** A processor whose steps the request's head chooses. */
class Chosen implements Processor {
  readonly #stepsFor: (choice: string) => Promise<readonly Step[]>;
  #inner: Processor | undefined;

  constructor(stepsFor: (choice: string) => Promise<readonly Step[]>) {
    this.#stepsFor = stepsFor;
  }

  async answer(message: PhaseMessage, stream: ProcessorStream): Promise<Answer> {
    if (message.phase === "request_headers") {
      this.#inner = transformProcessor(await this.#stepsFor(choiceOf(message.headers)));
    }
    return await this.#inner?.answer(message, stream) ?? { kind: "continue" };
  }

  end(end: StreamEnd): void {
    this.#inner?.end(end);
  }
}

function choiceOf(headers: HeaderList): string {
  return headers.find(([name]) => name === CHOICE)?.[1] ?? "";
}
