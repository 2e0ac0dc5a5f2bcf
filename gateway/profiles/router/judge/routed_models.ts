/** Models that the suite asks of any router, and which backend saw the requests. */
import type { RouterFeature } from "../../../../conformance/mod.ts";
import type { BackendHost } from "../../../../router/mod.ts";
import type { Upstream } from "../../../../upstream/mod.ts";

/** Models of the seed's `routes.json`, each with a path that it is served on. */
export const CHAT = { model: "gpt-3.5-turbo", path: "/v1/chat/completions" };
export const COMPLETION = { model: "text-davinci-003", path: "/v1/completions" };

/** Header that names a session. */
export const SESSION_HEADER = "x-session-id";

/** Why a body cannot stream through a router that reads it. */
const HELD = "The router reads the model from the body, so the body is held";

/** Cases of the base profile that no router can be asked, each with the reason. */
export const ROUTER_EXEMPT: Readonly<Record<string, string>> = {
  "contract.no-body-buffer": HELD,
  "pass.early-response": HELD,
  "cancel.during-upload": HELD,
  "pass.204-304-head": "A GET other than /v1/models has no model, and no route",
};

/** Describes a router by its mock backends, each under the name that the router knows it by. */
export function routerFeature(
  backends: readonly Upstream[],
  options: { readonly hosts?: readonly BackendHost[]; readonly maxBodyBytes?: number } = {},
): RouterFeature {
  const { hosts, maxBodyBytes } = options;
  return {
    chat: CHAT,
    completion: COMPLETION,
    sessionHeader: SESSION_HEADER,
    ...(maxBodyBytes !== undefined && { maxBodyBytes }),
    backends: backends.map(({ host, port, journal }, index) => {
      const known = hosts?.[index];
      return {
        endpoint: known?.endpoint ?? `${host}:${port}`,
        ...(known?.models && { models: [...known.models] }),
        journal,
      };
    }),
  };
}
