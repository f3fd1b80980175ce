import { median, type Measure, type Side } from './measure.js';
import type { AtEnd } from './bench.js';
import type { Sizes } from './sizes.js';
import { callsPerSecond, HttpCaller, timeOfCalls, type Call } from './proxy/caller.js';
import { McpRemote } from './proxy/mcp-remote.js';
import { Party, type Address } from './proxy/party.js';

/** A process that carries calls. */
interface Worker {
  cpuMicroseconds(): Promise<number>;
}

/** A way from an MCP client to the server. */
interface Way<P extends Worker = Worker> {
  readonly name: string;
  readonly call: Call;
  readonly party: P;
}

/** One that carries everything that HTTP can. */
interface HttpWay extends Way<Party> {
  readonly caller: HttpCaller;
  readonly program: string;
  readonly args: readonly string[];
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
  for (const { call } of [server, bare, ours, remote]) await callsPerSecond(call, sizes.warmingCalls, 32);
  return [
    ...latencies(ours, [server, bare, remote], sizes),
    ...throughputs(ours, [server, bare, remote], sizes),
    processorTime(ours, [bare, remote], sizes),
    firstEvent(ours, [server, bare], sizes),
    ...growths(ours, bare, sizes),
    await memoryOfServers([url, token], remote.party, sizes, atEnd),
  ];
}

async function httpWay(
  name: string,
  program: string,
  args: readonly string[],
  atEnd: AtEnd,
): Promise<HttpWay> {
  const party = await startParty(program, args, atEnd);
  const caller = await HttpCaller.start(party.address);
  atEnd(() => caller.close());
  return { name, call: caller.call, caller, party, program, args };
}

async function startParty(program: string, args: readonly string[], atEnd: AtEnd): Promise<Party> {
  const party = await Party.start(program, ...args);
  atEnd(() => party.stop());
  return party;
}

async function remoteWay(address: Address, atEnd: AtEnd): Promise<Way<McpRemote>> {
  const party = await McpRemote.start(address);
  atEnd(() => party.stop());
  return { name: 'mcp-remote', call: party.call, party };
}

/** The same of each way, `samples` times. */
function along<W extends { readonly name: string }>(
  take: (way: W) => Promise<number>,
  ours: W,
  others: readonly W[],
  samples: number,
): Pick<Measure, 'ours' | 'baseline' | 'samples'> {
  const side = (way: W): Side => ({ name: way.name, take: () => take(way) });
  return { ours: side(ours), baseline: others.map(side), samples };
}

function latencies(ours: Way, others: readonly Way[], { calls, slices }: Sizes): Measure[] {
  return [50, 99].map((percent) => ({
    name: `a call after the other, p${percent}`,
    unit: 'µs',
    ...along(({ call }) => timeOfCalls(call, calls, percent), ours, others, slices),
  }));
}

function throughputs(ours: Way, others: readonly Way[], { callsAtOnce, slices }: Sizes): Measure[] {
  return [32, 256].map((width) => ({
    name: `calls, ${width} at a time`,
    unit: 'calls/s',
    ...along(({ call }) => callsPerSecond(call, callsAtOnce, width), ours, others, slices),
  }));
}

/** What a call costs the proxy itself, whatever else the machine does, and so how many calls a processor carries. */
function processorTime(ours: Way, others: readonly Way[], { callsAtOnce, slices }: Sizes): Measure {
  const take = async ({ party, call }: Way) => {
    const before = await party.cpuMicroseconds();
    await callsPerSecond(call, callsAtOnce, 32);
    return ((await party.cpuMicroseconds()) - before) / callsAtOnce;
  };
  return { name: 'processor time for a call', unit: 'µs', ...along(take, ours, others, slices) };
}

function firstEvent(ours: HttpWay, others: readonly HttpWay[], { events, slices }: Sizes): Measure {
  const take = async ({ caller }: HttpWay) => {
    const times: number[] = [];
    for (let n = 0; n < events; n++) times.push((await caller.firstEventMs()) * 1_000);
    return median(times);
  };
  return { name: 'first event of a stream', unit: 'µs', ...along(take, ours, others, slices) };
}

/** What is left lying is asked of new processes, since one that has had much memory before takes less of the system. */
function growths(ours: HttpWay, bare: HttpWay, { streamBytes, streams }: Sizes): Measure[] {
  const what = `while ${streamBytes / 1e9} GB pass`;
  const growth = async (kind: 'resident' | 'held', { caller, party }: HttpWay) =>
    (await party.growthDuring(kind, () => caller.download(streamBytes))) / 1_048_576;
  const held = (way: HttpWay) => growth('held', way);
  const withGarbage = async ({ name, program, args }: HttpWay) => {
    const ends: (() => unknown)[] = [];
    try {
      return await growth('resident', await httpWay(name, program, args, (end) => ends.unshift(end)));
    } finally {
      for (const end of ends) await end();
    }
  };
  return [
    { name: `memory held ${what}`, unit: 'MiB', ...along(held, ours, [bare], streams) },
    { name: `the same with garbage`, unit: 'MiB', ...along(withGarbage, ours, [bare], streams) },
  ];
}

/** What one server more costs: here an entry in a table, there a process. */
async function memoryOfServers(
  [url, token]: readonly [string, string],
  remote: McpRemote,
  { servers }: Sizes,
  atEnd: AtEnd,
): Promise<Measure> {
  const one = await startParty('our-proxy', [url, token, '1'], atEnd);
  const many = await startParty('our-proxy', [url, token, String(servers + 1)], atEnd);
  const take = async () => ((await many.heapBytes()) - (await one.heapBytes())) / servers / 1_024;
  return {
    name: 'memory for one more server',
    unit: 'KiB',
    ours: { name: `ours, of ${servers}`, take },
    baseline: { name: 'mcp-remote', take: async () => (await remote.residentBytes()) / 1_024 },
    samples: 1,
  };
}
