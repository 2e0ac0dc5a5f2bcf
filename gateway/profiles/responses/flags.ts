/** Flags of the Responses gateway. */
import {
  fileOption,
  inSection,
  portOption,
  repeated,
  textOption,
  urlOption,
} from "../../../options/mod.ts";

const SECTION = "Responses gateway (--profile responses)";

/** Its file, and the model server that it asks. */
export const RESPONSES_FLAGS = inSection(SECTION, {
  config: fileOption("--config <FILE>", {
    description: "extproc-config.yaml of the Responses gateway: docs/responses.md",
  }),
  modelEndpoint: urlOption("--model-endpoint <URL>", {
    description: "Chat Completions server of the Responses gateway, its /v1 included",
  }),
  connectorsAllow: repeated(textOption("--connectors-allow <HOST>", {
    description:
      "MCP server that tenants may name although it is no address of the internet: 127.0.0.1, 10.0.0.0/8, *.internal",
    env: "LLMGATE_CONNECTORS_ALLOW",
  })),
});

/** Where it listens as a part of a gateway. Without a default: the file may say it, too. */
export const RESPONSES_PORT_FLAGS = inSection(SECTION, {
  responsesPort: portOption("--responses-port <PORT>", {
    description: "HTTP server of the Responses gateway; 8081, or what the file says",
  }),
  extprocPort: portOption("--extproc-port <PORT>", {
    description: "processor of the Responses gateway; 10000, or what the file says",
  }),
});
