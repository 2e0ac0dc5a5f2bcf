#!/usr/bin/env node
// llmgate for who has Node: passes words, streams, signals and the exit code through.
"use strict";
const { spawn } = require("node:child_process");
const { constants } = require("node:os");
const process = require("node:process");
const { llmgateCommand } = require("./command.cjs");

let command;
try {
  command = llmgateCommand(process.argv.slice(2));
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exit(3);
}
const child = spawn(command.file, command.args, { stdio: "inherit", env: command.env });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`error: Cannot start ${command.file}: ${error.message}`);
  process.exit(3);
});
child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
