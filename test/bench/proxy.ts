import type { Measure, Side } from './measure.js';
import type { AtEnd } from './bench.js';
import type { Sizes } from './sizes.js';
import { callsPerSecond, HttpCaller, timeOfCalls, type Call } from './proxy/caller.js';
import { McpRemote } from './proxy/mcp-remote.js';
import { Party, type Address } from './proxy/party.js';

/** A way from an MCP client to the server. */
interface Way {
  readonly name: string;
  readonly call: Call;
}

/** The way through a process of our own making, which can be looked into and carries everything that HTTP can. */
interface HttpWay extends Way {
  readonly caller: HttpCaller;
  readonly party: Party;
}

/**
 * What a call costs that goes through the proxy, beside the same call to the server itself, through a proxy that does
 * nothing but replace one header (the limit of one hop), and through `mcp-remote`. Each is a process of its own.
 */
export async function proxy(sizes: Sizes, atEnd: AtEnd): Promise<readonly Measure[]> {
  const server = await httpWay('direct', 'server', [], atEnd);
  const { url, authorization } = server.party.address;
  const token = authorization.replace('Bearer ', '');
  const bare = await httpWay('bare proxy', 'bare-proxy', [url, authorization], atEnd);
  const ours = await httpWay('ours', 'our-proxy', [url, token], atEnd);
  const remote = await remoteWay(server.party.address, atEnd);
  return [
    ...[server, bare, remote].flatMap((other) => latencies(ours, other, sizes)),
    ...[bare, remote].flatMap((other) => throughputs(ours, other, sizes)),
    ...usages(ours, bare, sizes),
    await memoryOfServers([url, token], remote, sizes, atEnd),
  ];
}

async function httpWay(
  name: string,
  program: string,
  args: readonly string[],
  atEnd: AtEnd,
): Promise<HttpWay> {
  const party = await startParty(program, args, atEnd);
  const caller = new HttpCaller(party.address);
  atEnd(() => caller.close());
  return { name, call: caller.call, caller, party };
}

async function startParty(program: string, args: readonly string[], atEnd: AtEnd): Promise<Party> {
  const party = await Party.start(program, ...args);
  atEnd(() => party.stop());
  return party;
}

async function remoteWay(address: Address, atEnd: AtEnd): Promise<Way & { readonly remote: McpRemote }> {
  const remote = await McpRemote.start(address);
  atEnd(() => remote.stop());
  return { name: 'mcp-remote', call: remote.call, remote };
}

function latencies(ours: Way, other: Way, { calls }: Sizes): Measure[] {
  const side = ({ name, call }: Way, percent: number): Side => ({
    name,
    take: () => timeOfCalls(call, calls, percent),
  });
  return [50, 99].map((percent) => ({
    name: `a call after the other, p${percent}`,
    unit: 'µs',
    ours: side(ours, percent),
    baseline: side(other, percent),
  }));
}

function throughputs(ours: Way, other: Way, { calls }: Sizes): Measure[] {
  const side = ({ name, call }: Way, width: number): Side => ({
    name,
    take: () => callsPerSecond(call, calls, width),
  });
  return [32, 256].map((width) => ({
    name: `calls, ${width} at a time`,
    unit: 'calls/s',
    ours: side(ours, width),
    baseline: side(other, width),
  }));
}

function usages(ours: HttpWay, bare: HttpWay, { calls, events, streamBytes }: Sizes): Measure[] {
  const sides = (take: (way: HttpWay) => Promise<number>) => ({
    ours: { name: ours.name, take: () => take(ours) },
    baseline: { name: bare.name, take: () => take(bare) },
  });
  return [
    { name: 'first event of a stream', unit: 'µs', ...sides((way) => firstEvents(way, events)) },
    { name: 'processor time for a call', unit: 'µs', ...sides((way) => processorTime(way, calls)) },
    {
      name: `memory growth while ${streamBytes / 1e9} GB pass`,
      unit: 'MiB',
      ...sides(
        async ({ caller, party }) =>
          (await party.growthDuring(() => caller.download(streamBytes))) / 1_048_576,
      ),
    },
  ];
}

async function firstEvents({ caller }: HttpWay, count: number): Promise<number> {
  let sumMs = 0;
  for (let n = 0; n < count; n++) sumMs += await caller.firstEventMs();
  return (sumMs / count) * 1_000;
}

async function processorTime({ party, call }: HttpWay, count: number): Promise<number> {
  const before = await party.usage();
  await callsPerSecond(call, count, 1);
  const after = await party.usage();
  return (after.cpuMicroseconds - before.cpuMicroseconds) / count;
}

/** What one server more costs: here an entry in a table, there a process. */
async function memoryOfServers(
  [url, token]: readonly [string, string],
  { name, remote }: { readonly name: string; readonly remote: McpRemote },
  { servers }: Sizes,
  atEnd: AtEnd,
): Promise<Measure> {
  const one = await startParty('our-proxy', [url, token, '1'], atEnd);
  const many = await startParty('our-proxy', [url, token, String(servers + 1)], atEnd);
  return {
    name: 'memory for one more server',
    unit: 'KiB',
    ours: {
      name: `ours, of ${servers}`,
      take: async () => ((await many.usage()).heapBytes - (await one.usage()).heapBytes) / servers / 1_024,
    },
    baseline: { name, take: async () => (await remote.residentBytes()) / 1_024 },
  };
}
