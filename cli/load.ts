/** Loads commands when they are needed. */
import { loadModule } from "../service/mod.ts";
import type { Command } from "./command.ts";
import { COMMANDS, type Entry } from "./table.ts";

/** Loads the file of one command, and so the rooms that it imports. */
export async function loadCommand({ module }: Entry): Promise<Command> {
  return (await loadModule<{ command: Command }>(module)).command;
}

/** Loads every command; for the completions and the manual page. */
export async function loadCommands(): Promise<Command[]> {
  return await Promise.all(COMMANDS.map(loadCommand));
}
