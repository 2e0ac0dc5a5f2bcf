/** A mock upstream with one file of scenarios, for a test. */
import { startUpstream, type UpstreamOptions } from "../mod.ts";
import { folder } from "./folder.ts";

/** Sends one POST to the mock. */
export type Post = (path: string, body: object, headers?: HeadersInit) => Promise<Response>;

/** Runs a test against a mock that reads one scenario file, without any pace. */
export async function withScenario(
  yaml: string,
  use: (post: Post) => unknown,
  options: UpstreamOptions = {},
): Promise<void> {
  using path = await folder({ "a.yaml": yaml });
  await using upstream = await startUpstream({ pace: "none", scenarios: `${path}`, ...options });
  await use((target, body, headers = {}) =>
    fetch(`${upstream.url}${target}`, { method: "POST", headers, body: JSON.stringify(body) })
  );
}
