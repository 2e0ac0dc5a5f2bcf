// Runs llmgate as a child that does not outlive this process.
"use strict";
const { spawn } = require("node:child_process");
const process = require("node:process");
const { createInterface } = require("node:readline");
const { llmgateCommand } = require("@llmgate/llmgate/command");

/** Children that run now: when this process ends, whatever way, so do they. */
const children = new Set();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/**
 * Starts `llmgate <words>` and resolves with its ready line. Rejects with what it said on standard error when it ends
 * before. `command` is another program to run in place of the installed one: a binary.
 */
async function startProgram(words, { command } = {}) {
  const own = command === undefined
    ? llmgateCommand(words)
    : { file: command, args: words, env: process.env };
  const child = spawn(own.file, own.args, { env: own.env, stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  const said = [];
  child.stderr.setEncoding("utf8").on("data", (text) => {
    said.push(text);
    // The newest are kept: what a program says when it ends.
    if (said.length > 200) said.shift();
  });
  const ended = new Promise((resolve) => child.once("close", (code) => resolve(code)));
  void ended.then(() => children.delete(child));
  const lines = createInterface({ input: child.stdout });
  const first = new Promise((resolve, reject) => {
    lines.once("line", resolve);
    child.once("error", (error) => reject(new Error(`Cannot start llmgate: ${error.message}`)));
    void ended.then((code) =>
      reject(new Error(`llmgate ${words[0]} ended with code ${code}:\n${said.join("").trim()}`))
    );
  });
  const ready = JSON.parse(await first);
  // Later output is not read, but must not fill the pipe.
  lines.on("line", () => {});
  return {
    ready,
    async close() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await ended;
    },
  };
}

module.exports = { startProgram };
