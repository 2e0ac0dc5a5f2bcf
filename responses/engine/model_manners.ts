/** How each model is spoken to, where servers and chat templates differ: settings by its name, and what it showed. */
import { compileGlob } from "../../patterns/mod.ts";
import { REASONING_FIELDS, type ReasoningField } from "../backend/chat.ts";
import type { ModelManner } from "./run.ts";
import type { SystemMessages } from "./system_messages.ts";

/** Settings of a model. */
export interface ModelSetting {
  readonly systemMessages: SystemMessages;
  /** `auto` gives thoughts back in the field in which the model sent its last ones. */
  readonly reasoningField: "auto" | "none" | ReasoningField;
  readonly maxTokensField: "max_tokens" | "max_completion_tokens";
}

/** Settings for all models, and over them those of the first pattern that fits a model's name; `*` stands for anything. */
export interface ModelSettings extends ModelSetting {
  readonly byName: readonly (Partial<ModelSetting> & { readonly name: string })[];
}

/** One model's. */
export interface Manner extends ModelManner {
  readonly systemMessages: SystemMessages;
}

const DEFAULTS: ModelSettings = {
  systemMessages: "first",
  reasoningField: "auto",
  maxTokensField: "max_tokens",
  byName: [],
};

/** The manners of the models behind one server. */
export class ModelManners {
  readonly #settings: ModelSettings;
  /** The field in which each model sent its thoughts. */
  readonly #seen = new Map<string, ReasoningField>();

  constructor(settings: ModelSettings = DEFAULTS) {
    this.#settings = settings;
  }

  of(model: string): Manner {
    const { byName, ...common } = this.#settings;
    const own = byName.find(({ name }) => compileGlob(name, { ignoreCase: true })(model));
    const { systemMessages, reasoningField, maxTokensField } = { ...common, ...own };
    return {
      systemMessages,
      maxTokensField,
      reasoningField: () => {
        if (reasoningField === "none") return undefined;
        if (reasoningField !== "auto") return reasoningField;
        return this.#seen.get(model) ?? REASONING_FIELDS[0];
      },
      onReasoning: (field) => {
        if (this.#seen.get(model) !== field) this.#seen.set(model, field);
      },
    };
  }
}
