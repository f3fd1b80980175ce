import { McpProxy } from '../../../src/loopback/mcp-proxy.js';
import { CountingClock } from '../counting-clock.js';
import { FullProfile, silent } from '../full-profile.js';
import { takePart } from './party.js';

/**
 * The extension's proxy as it is shipped, with the broker behind it and all that they keep in files. The broker has so
 * many accounts in memory, each for a server of its own.
 */
const [upstream = '', token = '', accounts = '1'] = process.argv.slice(2);
const profile = await FullProfile.make({ accounts: Number(accounts), sessions: 0, below: upstream, token });
const broker = await profile.loaded();
const proxy = await McpProxy.start({
  tokens: broker,
  clock: new CountingClock(),
  log: silent,
  audit: profile.audit,
  ask: () => Promise.reject(new Error('There are no rules.')),
  serverMemory: profile.serverMemory,
  signInWaitSeconds: () => 1,
  replayLimitBytes: () => 1_048_576,
  explain: String,
});
proxy.setServers(profile.servers);
const [first] = profile.servers;
const endpoint = first && proxy.endpoint(first.id);
if (endpoint === undefined) throw new Error('The proxy serves nothing.');
takePart({ url: endpoint.url, authorization: `Bearer ${endpoint.capability.reveal()}` });
