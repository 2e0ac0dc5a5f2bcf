/** A model's input for a request: its instructions, the earlier turns, and its input. */
import { randomBytes } from "node:crypto";
import type { ChatMessage } from "../../openai/mod.ts";
import type { Item } from "../api/objects.ts";
import type { CreateRequest } from "../api/request.ts";
import type { Tenant } from "../api/tenant.ts";
import type { Store } from "../store/store.ts";
import type { FileContents } from "./file_contents.ts";
import { historyOf, type Recall, withFiles, withReferences } from "./history.ts";
import { messagesOf } from "./messages.ts";
import { type Manner, ModelManners, type ModelSettings } from "./model_manners.ts";
import { instructionsOf } from "./prompt.ts";
import { hasSealed, type Seal, sealOf, unsealed } from "./sealed.ts";
import { arranged } from "./system_messages.ts";
import type { ReasoningForm } from "./writer.ts";

/** Options of the reading of requests. */
export interface ModelInputOptions {
  readonly store: Store;
  readonly files?: FileContents;
  /** How models are spoken to, by their names. */
  readonly models?: ModelSettings;
  /** Secret of what clients keep sealed; one that the store keeps when left out. */
  readonly sealSecret?: string;
}

/** One request's. */
export interface ModelInput {
  /** The items before the request's own. */
  readonly history: readonly Item[];
  /** The request's own, with what their references stand for. */
  readonly input: readonly (Item & { readonly id: string })[];
  readonly instructions: string | null;
  /** All of it, as the model's chat template takes it. */
  readonly messages: readonly ChatMessage[];
  readonly model: Manner;
}

/** Bytes of the secret that is made where none is given. */
const SECRET_BYTES = 32;

/** Reads the inputs of requests. */
export class ModelInputs {
  readonly #options: ModelInputOptions;
  readonly #manners: ModelManners;
  #seal: Promise<Seal> | undefined;

  constructor(options: ModelInputOptions) {
    this.#options = options;
    this.#manners = new ModelManners(options.models);
  }

  /** @throws {ApiError} for what is not there, or what a model cannot be shown */
  async read(tenant: Tenant, request: CreateRequest, recall?: Recall): Promise<ModelInput> {
    const { store, files } = this.#options;
    const [history, instructions] = await Promise.all([
      historyOf(store, tenant, request, recall),
      instructionsOf(store.prompts, tenant, request),
    ]);
    const input = await withReferences(
      request.input,
      history,
      (id) => store.conversations.findItem(tenant, id),
    );
    const items = [...history, ...input];
    const open = hasSealed(items) ? unsealed(items, await this.seal(), tenant) : items;
    const shown = await withFiles(open, files, tenant);
    const model = this.#manners.of(request.model);
    const system = instructions === null ? [] : [{ role: "system", content: instructions }];
    const said = messagesOf(shown, { reasoningField: model.reasoningField() });
    const messages = arranged([...system, ...said], model.systemMessages);
    return { history, input, instructions, messages, model };
  }

  /** How the response to a request tells what the model thinks. */
  async reasoningForm(
    tenant: Tenant,
    { reasoning, include }: CreateRequest,
  ): Promise<ReasoningForm> {
    const asSummary = typeof reasoning?.summary === "string" && reasoning.summary !== "none";
    if (!include?.includes("reasoning.encrypted_content")) return { asSummary };
    const seal = await this.seal();
    return { asSummary, seal: (text) => seal.close(tenant, text) };
  }

  /** Made when it is first needed: most callers never ask for it. */
  seal(): Promise<Seal> {
    const { sealSecret, store } = this.#options;
    this.#seal ??=
      (sealSecret === undefined
        ? store.settings.fixed("seal_secret", () => randomBytes(SECRET_BYTES).toString("base64"))
        : Promise.resolve(sealSecret)).then(sealOf);
    return this.#seal;
  }
}
