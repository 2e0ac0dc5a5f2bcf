/** `llmgate adapter`: a provider of another dialect as an OpenAI-compatible upstream. */
import { resolve } from "node:path";
import {
  ADAPTER_FILE,
  type AdapterFile,
  type ProviderName,
  PROVIDERS,
  startAdapter,
} from "../../adapters/mod.ts";
import { readData } from "../../data_files/mod.ts";
import { fileOption, flagOption, portOption, textOption } from "../../options/mod.ts";
import { DEFAULT_PORTS, defined, UsageError } from "../../service/mod.ts";
import { aborted, defineCommand, EXIT } from "../command.ts";

const NOTHING: AdapterFile = { version: 1, models: {} };

export const command = defineCommand({
  name: "adapter",
  summary: "offer Anthropic, Gemini or Bedrock as an OpenAI-compatible upstream",
  description:
    `Answers POST /v1/chat/completions, whole and as a stream, by a provider that speaks another dialect, and
    stands behind Envoy like any model server: policy, limits and fallback see OpenAI's dialect alone. The key is
    taken from ANTHROPIC_API_KEY, GEMINI_API_KEY, AWS_BEARER_TOKEN_BEDROCK or AWS_ACCESS_KEY_ID and its like, or from
    each request; on an interface that is not loopback, from the request only.`,
  arguments: [{
    name: "provider",
    description: `one of ${PROVIDERS.join(", ")}; or what the file says`,
    required: false,
  }],
  options: {
    config: fileOption("--config <FILE>", { description: "provider, address and models, YAML" }),
    baseUrl: textOption("--base-url <URL>", {
      description: "the provider's address with its API version; its own when left out",
    }),
    host: textOption("--host <ADDRESS>", {
      description: "interface to listen on",
      default: "127.0.0.1",
    }),
    port: portOption("--port <PORT>", {
      description: "HTTP listener; 0 picks a free one",
      default: DEFAULT_PORTS.adapter,
    }),
    json: flagOption("--json", { description: "print one JSON line when ready" }),
  },
  examples: [
    { command: "llmgate adapter anthropic", explains: "on 127.0.0.1:9010" },
    {
      command: "llmgate dev --upstream http://127.0.0.1:9010",
      explains: "the gateway in front of it",
    },
  ],
  permissions: ["read", "net", "env", "sys"],
  async run({ args, options, host, log, print, signal }) {
    const file = options.config === undefined
      ? NOTHING
      : await readData(ADAPTER_FILE, resolve(host.cwd, options.config));
    const provider = providerOf(args.provider as string | undefined, file);
    const baseUrl = options.baseUrl ?? file.base_url;
    if (baseUrl !== undefined && !/^https?:/.test(URL.canParse(baseUrl) ? baseUrl : "")) {
      throw new UsageError(
        `Cannot use --base-url: expected an http or https URL: current value is "${baseUrl}"`,
      );
    }
    await using adapter = await startAdapter({
      provider,
      host: options.host,
      port: options.port,
      models: file.models,
      ...defined({ baseUrl, region: file.region, keyEnv: file.key_env }),
      env: (name) => host.env(name),
      log,
    });
    print(
      options.json
        ? JSON.stringify({ ready: true, adapter: adapter.url, provider })
        : `adapter   ${adapter.url}  ${provider}${baseUrl === undefined ? "" : ` at ${baseUrl}`}`,
    );
    await aborted(signal);
    return EXIT.ok;
  },
});

function providerOf(named: string | undefined, file: AdapterFile): ProviderName {
  const name = named ?? file.provider;
  const provider = PROVIDERS.find((one) => one === name);
  if (provider === undefined) {
    const said = name === undefined ? "none is named" : `"${name}" is none of them`;
    throw new UsageError(`Cannot start an adapter: expected ${PROVIDERS.join(", ")}: ${said}`);
  }
  if (file.provider === undefined || file.provider === provider) return provider;
  throw new UsageError(`Cannot start an adapter for ${provider}: the file is for ${file.provider}`);
}
