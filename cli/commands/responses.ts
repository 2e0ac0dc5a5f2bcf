/** `llmgate responses`: runs the OpenAI Responses gateway alone (HTTP, and ext_proc over gRPC). */
import { dataHome } from "../../envoy/mod.ts";
import type { ResponsesLine } from "../../responses/mod.ts";
import { defined, loadModule, peerSecretOf, shown } from "../../service/mod.ts";
import { aborted, defineCommand, EXIT } from "../command.ts";
import { choiceOption, directoryOption, flagOption } from "../../options/mod.ts";
import { RESPONSES_FLAGS, RESPONSES_PORT_FLAGS } from "../../gateway/profiles/mod.ts";

export const command = defineCommand({
  name: "responses",
  summary: "run the OpenAI Responses gateway alone (HTTP, and ext_proc over gRPC)",
  description:
    `Serves the Responses API in front of any Chat Completions server: POST /v1/responses over ext_proc for an Envoy of
    your own (llmgate envoy config --profile responses --source shows how it is wired), and the whole API over HTTP.
    It trusts x-tenant, so let nobody but Envoy reach its ports. /health tells how the model server is.`,
  options: {
    ...RESPONSES_FLAGS,
    ...RESPONSES_PORT_FLAGS,
    dataDir: directoryOption("--data-dir <DIR>", {
      description: "store and files; in the system's data folder when left out",
    }),
    logLevel: choiceOption("--log-level <LEVEL>", {
      description: "info: one line per request for a response; warning: only what is wrong",
      choices: ["info", "warning"],
      default: "info",
    }),
    json: flagOption("--json", {
      description: "print JSON: one line when ready, then one per request for a response",
    }),
  },
  examples: [
    {
      command: "llmgate responses --config extproc-config.yaml",
      explains: "HTTP on 127.0.0.1:8081, ext_proc on 10000, unless the file says otherwise",
    },
    {
      command: "llmgate responses --model-endpoint http://127.0.0.1:11434/v1",
      explains: "in front of Ollama, without a file",
    },
  ],
  permissions: ["read", "write", "net", "env", "sys"],
  async run({ options, host, log, print, signal }) {
    const { allowConnectors, defaultConfig, readConfig, secretsOf, startResponses } =
      await loadModule<
        typeof import("../../responses/mod.ts")
      >("responses/mod.ts");
    const env = (name: string) => host.env(name);
    const said = options.config === undefined ? defaultConfig() : await readConfig(options.config);
    const given = allowConnectors(said, options.connectorsAllow);
    const { modelEndpoint, responsesPort, extprocPort } = options;
    const config = {
      ...given,
      http: { ...given.http, ...defined({ port: responsesPort }) },
      extproc: { ...given.extproc, ...defined({ port: extprocPort }) },
      engine: { ...given.engine, ...defined({ model_endpoint: modelEndpoint }) },
    };
    const line = (entry: ResponsesLine) =>
      print(
        options.json ? JSON.stringify(entry) : [
          entry.requestId,
          entry.tenant,
          entry.front,
          String(entry.status),
          entry.model,
          entry.responseId,
          entry.code,
        ].filter((part) => part !== "").map(shown).join("  "),
      );
    await using gateway = await startResponses({
      config,
      dataDir: options.dataDir ?? `${dataHome(env)}/responses`,
      log,
      secrets: secretsOf(config, env),
      peerSecret: peerSecretOf(env),
      ...(options.logLevel === "warning" ? {} : { onRequest: line }),
    });
    const { http, extproc, modelEndpoint: model } = gateway;
    if (options.json) {
      print(JSON.stringify({ ready: true, http: http.url, extproc: extproc.address, model }));
    } else {
      print(`http      ${http.url}`);
      print(`ext_proc  ${extproc.address}`);
      print(`model     ${model}`);
    }
    await aborted(signal);
    return EXIT.ok;
  },
});
