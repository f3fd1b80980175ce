import { createHash } from 'node:crypto';
import { BrokerError } from '../../src/core/errors.js';
import type { HeldLease } from '../../src/core/lease.js';
import type { ServerId } from '../../src/core/server.js';
import { LeapingClock } from './leaping-clock.js';
import { processBroker, sharedParts } from './process-window.js';

/**
 * Another window in a process of its own, for tests. It is told on its standard input what to do, in lines:
 * `token <ms>` leaps so far ahead of real time and asks for a token, `refresh` renews, `state`, `close`; and `stop <step>`: the next renewal
 * stands still for ever at that step, so that the test can kill it there.
 */
const [folder = '', url = '', ahead = '0'] = process.argv.slice(2);
const id = 'notes' as ServerId;
const say = (text: string) => process.stdout.write(`${text}\n`);
const clock = new LeapingClock();
let aheadMs = 0;
let stopAt: string | undefined;

function leapTo(toMs: number): void {
  clock.leap(toMs - aheadMs);
  aheadMs = toMs;
}

/** Stands still, with the process and its heartbeat alive, where the test wants it to. */
function at(step: string): Promise<void> {
  if (step !== stopAt) return Promise.resolve();
  say(`at ${step}`);
  return new Promise(() => undefined);
}

const parts = sharedParts(folder);
const hold = parts.leases.hold.bind(parts.leases);
parts.leases.hold = async <T>(
  name: string,
  work: (lease: HeldLease) => Promise<T>,
  patienceMs?: number,
): Promise<T> => {
  const atWork = async (lease: HeldLease): Promise<T> => {
    await at('lease-taken');
    return work(lease);
  };
  const result = await hold(name, atWork, patienceMs);
  await at('lease-given-back');
  return result;
};
const write = parts.journal.write.bind(parts.journal);
parts.journal.write = async (name, text) => {
  const isNote = name.endsWith('-attempt');
  await at(isNote ? 'note-begins' : 'journal-write-begins');
  await write(name, text);
  await at(isNote ? 'note-written' : 'journal-written');
};

async function send(...[address, init]: Parameters<typeof fetch>): Promise<Response> {
  const isRenewal = init?.body instanceof URLSearchParams && init.body.get('grant_type') === 'refresh_token';
  if (!isRenewal) return fetch(address, init);
  await at('request-leaves');
  const answer = fetch(address, init);
  await at('request-sent');
  const arrived = await answer;
  await at('answer-arrived');
  return arrived;
}

const broker = processBroker(parts, {
  clock,
  fetch: send,
  openBrowser: () => Promise.resolve(false),
  redirects: { open: () => Promise.reject(new Error('Nobody signs in here.')) },
});

async function run(line: string): Promise<void> {
  const [command, argument = ''] = line.split(' ');
  try {
    if (command === 'stop') stopAt = argument;
    if (command === 'state') say(`state ${JSON.stringify(broker.state(id))}`);
    if (command === 'token') {
      leapTo(Number(argument));
      const { token } = await broker.accessToken(id);
      say(`token ${createHash('sha256').update(token.reveal()).digest('hex').slice(0, 16)}`);
    }
    if (command === 'refresh') {
      await broker.refreshNow(id);
      say('refreshed');
    }
    if (command === 'log') say(JSON.stringify(parts.log.text));
    if (command === 'close') {
      await broker.close();
      process.stdin.destroy();
    }
  } catch (error) {
    const { code, details } = error instanceof BrokerError ? error : { code: String(error), details: {} };
    say(`error ${JSON.stringify({ code, details })}`);
  }
}

leapTo(Number(ahead));
broker.onDidChange(() => {
  if (broker.state(id).kind === 'ready') say('ready');
});
await broker.setServers([{ id, url, auth: {} }]);
say('open');
process.stdin.setEncoding('utf8');
process.stdin.on('data', (text: string) => {
  for (const line of text.split('\n').filter((line) => line !== '')) void run(line);
});
