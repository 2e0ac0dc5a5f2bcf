/** `llmgate export compose`: writes a gateway as a Compose file. */
import { resolve } from "node:path";
import { exportCompose, needsPeerSecret } from "../../manifests/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import {
  EXPORT_OPTIONS,
  exportedProfile,
  exportedProfileOption,
  exportSettings,
  OUT_OPTION,
} from "../flags/export.ts";
import { writeFolder } from "../folder.ts";
import { DEFAULT_PORTS, PEER_SECRET_ENV } from "../../service/mod.ts";
import { portOption } from "../../options/mod.ts";

export const command = defineCommand({
  name: "export compose",
  summary: "write a gateway as a Compose file",
  description:
    `Writes compose.yaml, the Envoy configuration, rules and routes that it mounts, and a Dockerfile for the llmgate
    binary, which you put beside it. The router profile gets three mock model servers unless --static-hosts are given,
    the responses profile Ollama unless --model-endpoint is.`,
  options: {
    profile: exportedProfileOption("base"),
    out: OUT_OPTION,
    port: portOption("--port <PORT>", {
      description: "ingress, on loopback of the machine that runs it",
      default: DEFAULT_PORTS.ingress,
    }),
    ...EXPORT_OPTIONS,
  },
  examples: [
    {
      command: "llmgate export compose --out stack",
      explains: "policy stub, mock upstream and Envoy; then docker compose up --build in stack",
    },
    {
      command: "llmgate export compose --profile router --static-hosts vllm-1:8000,vllm-2:8000",
      explains: "a model router, written to the working directory",
    },
  ],
  permissions: ["read", "write", "env", "sys"],
  async run({ options, host, print }) {
    const { port, out = "." } = options;
    const profile = await exportedProfile(options);
    const files = exportCompose(profile, {
      ...await exportSettings(options, host),
      port,
    });
    const paths = await writeFolder(resolve(host.cwd, out), files, options);
    for (const path of paths) print(`wrote ${path}`);
    const secret = needsPeerSecret(profile)
      ? `echo ${PEER_SECRET_ENV}=$(openssl rand -hex 32) > .env && `
      : "";
    print(
      `\nrun it:  cp "$(command -v llmgate)" "${out}" && cd "${out}" && ${secret}docker compose up --build`,
    );
    return EXIT.ok;
  },
});
