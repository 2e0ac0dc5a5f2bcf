import { join, resolve } from "node:path";
import { DEFAULT_RULES } from "../../policy/mod.ts";
import { messageOf, UsageError } from "../../service/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import { flagOption } from "../options.ts";

/** What a folder starts with: file name and text. */
const FILES: readonly { name: string; text: () => string }[] = [
  { name: "rules.yaml", text: () => DEFAULT_RULES },
];

export const command = defineCommand({
  name: "init",
  summary: "write rules of your own to start from",
  description:
    `Writes rules.yaml, the demo rules with every word explained. Files that are there are never written over, unless
    --force says so.`,
  arguments: [{
    name: "dir",
    description: "folder to write to; made when missing",
    required: true,
  }],
  options: {
    force: flagOption("--force", { description: "write over files that are there" }),
  },
  examples: [
    { command: "llmgate init my-gateway", explains: "then edit my-gateway/rules.yaml" },
    { command: "llmgate dev --rules my-gateway/rules.yaml", explains: "run them; edits are live" },
  ],
  permissions: ["read", "write"],
  async run({ options, args, host, print }) {
    const folder = resolve(host.cwd, args.dir);
    const targets = FILES.map(({ name, text }) => ({ path: join(folder, name), text }));
    await makeFolder(folder);
    if (!options.force) {
      for (const { path } of targets) await assertAbsent(path);
    }
    for (const { path, text } of targets) {
      await Deno.writeTextFile(path, text()).catch((error) => {
        throw new UsageError(`Cannot write "${path}": ${messageOf(error)}`);
      });
      print(`wrote ${path}`);
    }
    print(`\nrun them:  llmgate dev --rules "${join(args.dir, "rules.yaml")}"`);
    return EXIT.ok;
  },
});

async function makeFolder(folder: string): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
  } catch (error) {
    throw new UsageError(`Cannot make the folder "${folder}": ${messageOf(error)}`);
  }
}

async function assertAbsent(path: string): Promise<void> {
  const info = await Deno.lstat(path).catch(() => undefined);
  if (info !== undefined) {
    throw new UsageError(
      `Cannot write "${path}": it is there already: use --force to write over it`,
    );
  }
}
