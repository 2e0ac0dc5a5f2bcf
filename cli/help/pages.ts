/** Pages of docs/, and sections of them, that `llmgate help` prints: what a machine without a network reads, too. */
import agents from "../../docs/agents.md" with { type: "text" };
import architecture from "../../docs/architecture.md" with { type: "text" };
import conformance from "../../docs/conformance.md" with { type: "text" };
import callLog from "../../docs/call_log.md" with { type: "text" };
import console from "../../docs/console.md" with { type: "text" };
import dialects from "../../docs/dialects.md" with { type: "text" };
import edge from "../../docs/edge.md" with { type: "text" };
import envoy from "../../docs/envoy.md" with { type: "text" };
import envoyFindings from "../../docs/envoy-findings.md" with { type: "text" };
import kubernetes from "../../docs/kubernetes.md" with { type: "text" };
import library from "../../docs/library.md" with { type: "text" };
import limits from "../../docs/limits.md" with { type: "text" };
import lint from "../../docs/lint.md" with { type: "text" };
import mcp from "../../docs/mcp.md" with { type: "text" };
import performance from "../../docs/performance.md" with { type: "text" };
import policy from "../../docs/policy.md" with { type: "text" };
import responses from "../../docs/responses.md" with { type: "text" };
import router from "../../docs/router.md" with { type: "text" };
import testing from "../../docs/testing.md" with { type: "text" };
import transform from "../../docs/transform.md" with { type: "text" };
import upstream from "../../docs/upstream.md" with { type: "text" };
import { section, type Topic } from "./topics.ts";

/** Every page by its name. A test holds the folder to it. */
export const PAGES: Readonly<Record<string, string>> = {
  agents,
  architecture,
  call_log: callLog,
  conformance,
  console,
  dialects,
  edge,
  envoy,
  "envoy-findings": envoyFindings,
  kubernetes,
  library,
  limits,
  lint,
  mcp,
  performance,
  policy,
  responses,
  router,
  testing,
  transform,
  upstream,
};

/** Sections that people look for by a word of their own: word, page, heading. */
const SECTIONS: readonly (readonly [word: string, page: string, heading: string])[] = [
  ["scenarios", "upstream", "Scenarios"],
  ["scripts", "upstream", "Scripts"],
  ["faults", "upstream", "`abort`"],
  ["recordings", "upstream", "Record and replay"],
  ["control-plane", "upstream", "Control plane"],
  ["rules", "policy", "Rules"],
  ["routes", "router", "Routes"],
  ["groups", "conformance", "Groups"],
  ["reports", "conformance", "Reports"],
  ["ci", "conformance", "In GitHub Actions"],
];

function titleOf(text: string): string {
  return /^# (.*)$/m.exec(text)?.[1] ?? "";
}

/** The sections, then the pages as `guide NAME`: most names are those of commands, which have help of their own. */
export const GUIDES: readonly Topic[] = [
  ...SECTIONS.map(([name, page, heading]) => ({
    name,
    title: `${heading.replaceAll("`", "")} (docs/${page}.md)`,
    text: () => section(heading, PAGES[page] ?? ""),
  })),
  ...Object.entries(PAGES).map(([name, text]) => ({
    name: `guide ${name}`,
    title: titleOf(text).replaceAll("`", ""),
    text: () => text,
  })),
];

/** Returns the guide of that name; a page goes by its bare name as well. */
export function guideOf(name: string): Topic | undefined {
  return GUIDES.find((guide) => guide.name === name || guide.name === `guide ${name}`);
}
