import assert from "node:assert/strict";
import { parseHosts } from "../hosts.ts";
import { HostList, hostSource } from "./host_source.ts";

Deno.test("HostList tells of each change, and only of changes", () => {
  const list = new HostList(parseHosts("a:1", "m|n"));
  const heard: string[][] = [];
  const listening = list.onChange((hosts) => heard.push(hosts.map(({ endpoint }) => endpoint)));
  list.replace(parseHosts("a:1", "n|m"));
  list.replace(parseHosts("a:1,b:1"));
  list.replace(parseHosts("a:1,b:1"));
  listening[Symbol.dispose]();
  list.replace([]);
  assert.deepEqual(heard, [["a:1", "b:1"]]);
  assert.deepEqual(list.hosts, []);
});

Deno.test("hostSource() takes a list of hosts, or a source as it is", () => {
  const hosts = parseHosts("a:1");
  assert.equal(hostSource(hosts).hosts, hosts);
  const list = new HostList();
  assert.equal(hostSource(list), list);
});
