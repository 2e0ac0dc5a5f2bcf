import assert from "node:assert/strict";
import { UnavailableError, UsageError } from "../service/mod.ts";
import { aborted, type Command, defineCommand } from "./command.ts";
import { reportError, runCommand } from "./dispatch.ts";
import { loadCommand, loadCommands } from "./load.ts";
import { main } from "./main.ts";
import { addressOption, flagOption, portOption, repeated, textOption } from "../options/mod.ts";
import { COMMANDS } from "./table.ts";
import { fakeHost } from "./testing.ts";

/** A command that does what the test says. */
function commandThat(run: Command["run"]): Command {
  return defineCommand({
    name: "test",
    summary: "a test",
    options: {
      port: portOption("--port <PORT>", { default: 1234, description: "a port", env: "TEST_PORT" }),
      names: repeated(textOption("--name <NAME>", { description: "a name", env: "TEST_NAMES" })),
      policy: addressOption("--policy <HOST:PORT>", { description: "an address" }),
      json: flagOption("--json", { description: "as JSON" }),
    },
    examples: [],
    permissions: ["net", "read"],
    run,
  });
}

Deno.test("main() prints the version and the overview", async () => {
  const host = fakeHost();
  assert.equal(await main(["--version"], host), 0);
  assert.match(host.out(), /^llmgate \d+\.\d+\.\d+\n$/);
  assert.equal(await main(["--help"], host), 0);
  for (const { name } of COMMANDS) assert.ok(host.out().includes(`  ${name} `), name);
});

Deno.test("main() without a command explains itself on standard error and is a usage error", async () => {
  const host = fakeHost();
  assert.equal(await main([], host), 2);
  assert.equal(host.out(), "");
  assert.match(host.err(), /Usage: llmgate <command>/);
});

Deno.test("main() suggests the command that was meant", async () => {
  const host = fakeHost();
  assert.equal(await main(["docter"], host), 2);
  assert.match(host.err(), /Cannot find command "docter": did you mean "doctor"\?/);
});

Deno.test("main() suggests the flag that was meant", async () => {
  const host = fakeHost();
  assert.equal(await main(["version", "--jsno"], host), 2);
  assert.match(host.err(), /Cannot read option "--jsno": did you mean "--json"\?/);
});

Deno.test("every command has help with examples, and the same summary in its file and the table", async () => {
  for (const entry of COMMANDS) {
    const command = await loadCommand(entry);
    assert.equal(command.name, entry.name);
    assert.equal(command.summary, entry.summary);
    assert.ok(command.examples.length > 0, `${entry.name} has no example`);
    const host = fakeHost();
    assert.equal(await main([...entry.name.split(" "), "--help"], host), 0);
    assert.match(host.out(), new RegExp(`Usage: llmgate ${entry.name} `));
    for (const example of command.examples) assert.ok(host.out().includes(example.command));
  }
});

Deno.test("no command keeps a permission class that is not in the table of classes", async () => {
  for (const command of await loadCommands()) {
    assert.equal(new Set(command.permissions).size, command.permissions.length, command.name);
  }
});

Deno.test("runCommand() revokes every class that the command does not name, ffi and import always", async () => {
  const host = fakeHost();
  await runCommand(commandThat(() => Promise.resolve(0)), [], host);
  assert.deepEqual(host.revoked.toSorted(), ["env", "ffi", "import", "run", "sys", "write"]);
});

Deno.test("runCommand() reads flags before environment before defaults", async () => {
  const seen: unknown[] = [];
  const command = commandThat(({ options }) => {
    seen.push(options.port);
    return Promise.resolve(0);
  });
  await runCommand(command, [], fakeHost());
  await runCommand(command, [], fakeHost({ env: { TEST_PORT: "5" } }));
  await runCommand(command, ["--port", "6"], fakeHost({ env: { TEST_PORT: "5" } }));
  assert.deepEqual(seen, [1234, 5, 6]);
});

Deno.test("runCommand() reads an option that may be repeated from the environment by commas", async () => {
  const seen: unknown[] = [];
  const command = commandThat(({ options }) => {
    seen.push(options.names);
    return Promise.resolve(0);
  });
  const env = { TEST_NAMES: "a, b,,c" };
  await runCommand(command, [], fakeHost());
  await runCommand(command, [], fakeHost({ env }));
  await runCommand(command, ["--name", "d"], fakeHost({ env }));
  assert.deepEqual(seen, [[], ["a", "b", "c"], ["d"]]);
});

for (
  const [words, message] of [
    [["--port", "70000"], 'Cannot use --port: it must be 0..65535: current value is "70000"'],
    [["--port", "abc"], 'Cannot use --port: it must be 0..65535: current value is "abc"'],
    [
      ["--policy", "localhost"],
      'Cannot use --policy: it must be HOST:PORT: current value is "localhost"',
    ],
    [["extra"], "Cannot read the arguments"],
    [["--port"], "argument missing"],
  ] as const
) {
  Deno.test(`main() calls ${words.join(" ")} a usage error`, async () => {
    await assert.rejects(
      () => runCommand(commandThat(() => Promise.resolve(0)), [...words], fakeHost()),
      (error: Error) => error instanceof UsageError && error.message.includes(message),
    );
  });
}

Deno.test("runCommand() returns 130, 143 and 129 after a signal, whatever the command returns", async () => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    const host = fakeHost();
    const done = runCommand(
      commandThat(async ({ signal }) => {
        await aborted(signal);
        return 0;
      }),
      [],
      host,
    );
    // The command line is read and the permissions revoked before signals are listened to.
    while (host.revoked.length === 0) await Promise.resolve();
    await new Promise((resolve) => setTimeout(resolve, 0));
    host.send(signal);
    assert.equal(await done, code);
  }
});

Deno.test("runCommand() aborts `forced` at the second key press, and not at copies of the first", async () => {
  const host = fakeHost();
  const started = Promise.withResolvers<void>();
  const states: boolean[][] = [];
  const done = runCommand(
    commandThat(async ({ signal, forced }) => {
      started.resolve();
      await aborted(signal);
      states.push([signal.aborted, forced.aborted]);
      await aborted(forced);
      states.push([signal.aborted, forced.aborted]);
      return 0;
    }),
    [],
    host,
  );
  await started.promise;
  host.send("SIGINT");
  while (states.length === 0) await Promise.resolve();
  host.send("SIGINT");
  assert.equal(host.err(), "");
  host.pass(1_000);
  host.send("SIGINT");
  assert.equal(await done, 130);
  assert.match(host.err(), /Interrupted again/);
  assert.deepEqual(states, [[true, false], [true, true]]);
});

Deno.test("runCommand() ends with 0 when nobody reads the output any more", async () => {
  const host = fakeHost();
  const started = Promise.withResolvers<void>();
  const done = runCommand(
    commandThat(async ({ signal }) => {
      started.resolve();
      await aborted(signal);
      throw signal.reason;
    }),
    [],
    host,
  );
  await started.promise;
  host.closeOutput();
  assert.equal(await done, 0);
});

Deno.test("reportError() maps errors to the exit codes of the contract", () => {
  const host = fakeHost();
  assert.equal(reportError(new UsageError("Bad"), host), 2);
  assert.equal(reportError(new UnavailableError("Gone"), host), 3);
  assert.equal(reportError(new TypeError("Oops"), host), 4);
  assert.match(host.err(), /fault of llmgate itself/);
  assert.ok(!host.err().includes("    at "), "no stack without LLMGATE_TRACE");
});

Deno.test("reportError() calls a machine that runs short unavailable, and no fault", () => {
  for (
    const message of [
      "No space left on device (os error 28): writefile '/runs/envoy.json'",
      "database or disk is full",
      "Too many open files (os error 24)",
      "Read-only file system (os error 30): mkdir '/data'",
    ]
  ) {
    const host = fakeHost();
    assert.equal(reportError(new Error(message), host), 3, message);
    assert.doesNotMatch(host.err(), /fault of llmgate/);
  }
});

Deno.test("colour only on a terminal, and never with NO_COLOR", async () => {
  const plain = fakeHost();
  await main(["--help"], plain);
  const coloured = fakeHost({ terminal: true });
  await main(["--help"], coloured);
  const refused = fakeHost({ terminal: true, env: { NO_COLOR: "1" } });
  await main(["--help"], refused);
  assert.deepEqual(
    [plain, coloured, refused].map((host) => host.out().includes("\x1b[")),
    [false, true, false],
  );
});
