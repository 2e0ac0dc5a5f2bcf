// A filter with a bug: it traps at each request. The one on which it is shown what Envoy makes of that.

export function proxy_abi_version_0_2_1(): void {}

export function proxy_on_memory_allocate(_size: usize): usize {
  return 0;
}

export function proxy_on_context_create(_context: u32, _parent: u32): void {}

export function proxy_on_vm_start(_root: u32, _size: u32): u32 {
  return 1;
}

export function proxy_on_configure(_root: u32, _size: u32): u32 {
  return 1;
}

export function proxy_on_request_headers(_context: u32, _count: u32, _end: u32): u32 {
  unreachable();
  return 0;
}

export function proxy_on_done(_context: u32): u32 {
  return 1;
}

export function proxy_on_delete(_context: u32): void {}
