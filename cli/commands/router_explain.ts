/** `llmgate router explain`: says which route a request takes, and why. */
import { resolve } from "node:path";
import { loadPatterns } from "../../patterns/mod.ts";
import { DEFAULT_ROUTES, explainRoute, type Explanation, parseRoutes } from "../../router/mod.ts";
import { messageOf, readFileBytes, UsageError } from "../../service/mod.ts";
import { fileOption, flagOption, textOption } from "../../options/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import type { Style } from "../style.ts";

export const command = defineCommand({
  name: "router explain",
  summary: "say which route a request takes, and why",
  description:
    `Reads a JSON request from standard input, or from --request, and the routes, and shows each route of its model and
    path in the order in which the router asks them, with every condition and whether it holds. Nothing is started and
    nobody is asked. The exit code is 1 when no route is taken.`,
  options: {
    routeConfig: fileOption("--route-config <FILE>", {
      description: "the routes; the built-in two when left out",
    }),
    request: fileOption("--request <FILE>", {
      description: "the request's body; standard input when left out",
    }),
    path: textOption("--path <PATH>", {
      description: "path that is asked",
      default: "/v1/chat/completions",
    }),
    tenant: textOption("--tenant <NAME>", { description: "tenant, as policy names it" }),
    json: flagOption("--json", { description: "print one JSON object" }),
  },
  examples: [
    {
      command: "llmgate router explain --route-config routes.json < request.json",
      explains: "one line per route and condition",
    },
  ],
  permissions: ["read", "env"],
  async run({ options, host, print, style }) {
    const file = options.routeConfig && resolve(host.cwd, options.routeConfig);
    await loadPatterns();
    const table = file === undefined
      ? parseRoutes(DEFAULT_ROUTES.text, DEFAULT_ROUTES.file)
      : parseRoutes(new TextDecoder().decode(await bytesOf(file)), file);
    const body = options.request === undefined
      ? new TextEncoder().encode(await host.stdin())
      : await bytesOf(resolve(host.cwd, options.request));
    const { path, tenant } = options;
    const explanation = explainRoute(table, {
      body,
      path,
      ...(tenant !== undefined && { tenant }),
    });
    print(options.json ? JSON.stringify(explanation) : written(explanation, style));
    return explanation.taken === undefined ? EXIT.failed : EXIT.ok;
  },
});

function written(
  { model, path, routes, taken, targets, facts, problem }: Explanation,
  style: Style,
) {
  const { tokens, has, reasoningEffort, streams } = facts;
  const said = [
    `about ${tokens} tokens`,
    ...has,
    ...(reasoningEffort === undefined ? [] : [`reasoning_effort ${reasoningEffort}`]),
    ...(streams ? ["stream"] : []),
  ];
  return [
    `${model || "(no model)"} on ${path}: ${said.join(", ")}`,
    ...routes.flatMap(({ name, conditions, holds }) => [
      `${name === taken ? style.good("->") : "  "} ${name}${
        holds ? "" : style.dim("  does not hold")
      }`,
      ...conditions.map(({ condition, holds }) => `     ${holds ? "yes" : "no "}  ${condition}`),
    ]),
    taken === undefined
      ? problem ?? ""
      : `asks for ${targets.map(({ model, weight }) => `${model} (${weight})`).join(", ")}`,
  ].join("\n");
}

async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    return await readFileBytes(path);
  } catch (error) {
    throw new UsageError(`Cannot read "${path}": ${messageOf(error)}`);
  }
}
