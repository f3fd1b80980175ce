import assert from 'node:assert/strict';
import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Deed } from './deed.js';
import { listen, type Listener } from './listener.js';
import { Lockstep, type Sight } from './lockstep.js';

type Middleman = (answer: IncomingMessage, res: ServerResponse) => void;

const events = { 'content-type': 'text/event-stream' };
const say = (text: string): Deed => ({ call: 1, does: 'say', piece: Buffer.from(text) });
const deeds: readonly Deed[] = [
  { call: 1, does: 'ask', method: 'POST', headers: ['content-length', '0'], pieces: [Buffer.from('{}')] },
  { call: 1, does: 'answer', status: 200, headers: ['date', 'today', ...Object.entries(events).flat()] },
  say('data: 1\n\n'),
  say('data: 2\n\n'),
  { call: 1, does: 'end' },
];

describe('a conversation in lockstep', () => {
  const lockstep = new Lockstep();
  let between: Listener;
  let passOn: Middleman;

  before(async () => {
    await lockstep.open();
    between = await listen('127.0.0.1');
    between.serve((req, res) => {
      const { method = '', headers } = req;
      const outgoing = request(lockstep.url, { method, headers, agent: false }, (answer) =>
        passOn(answer, res),
      );
      outgoing.on('error', () => res.destroy());
      res.on('close', () => outgoing.destroy());
      req.pipe(outgoing);
    });
  });
  after(async () => {
    await between.close();
    await lockstep.close();
  });

  afterEach(() => {
    lockstep.patienceMs = 8_000;
  });

  const play = (url: string): Promise<readonly Sight[]> =>
    lockstep.play(deeds, { url, authorization: 'Bearer x' });
  const through = (middleman: Middleman) => {
    passOn = middleman;
    return play(between.origin);
  };
  const begin = (answer: IncomingMessage, res: ServerResponse) =>
    res.writeHead(200, { date: answer.headers.date, ...events }).flushHeaders();

  it('is seen the same through whoever passes everything on at once', async () => {
    const faithful = await through((answer, res) => {
      begin(answer, res);
      answer.pipe(res);
    });
    assert.deepEqual(faithful, await play(lockstep.url));
  });

  it('is seen otherwise through whoever changes something', async () => {
    const direct = await play(lockstep.url);
    const changed = await through((answer, res) => {
      begin(answer, res);
      answer.on('data', (piece: Buffer) => res.write(String(piece).replace('2', '3')));
      answer.on('end', () => res.end());
    });
    assert.notDeepEqual(changed, direct);
    const less = await through((answer, res) => {
      res.sendDate = false;
      res.writeHead(200, events).flushHeaders();
      answer.pipe(res);
    });
    assert.notDeepEqual(less, direct);
  });

  const lazy: Record<string, Middleman> = {
    'the headers until there is an event': (answer, res) => {
      answer.once('data', () => begin(answer, res));
      answer.pipe(res);
    },
    'an event until there is the next': (answer, res) => {
      begin(answer, res);
      let held: Buffer = Buffer.alloc(0);
      answer.on('data', (piece: Buffer) => {
        res.write(held);
        held = piece;
      });
      answer.on('end', () => res.end(held));
    },
    'the end': (answer, res) => {
      begin(answer, res);
      answer.pipe(res, { end: false });
    },
  };
  for (const [what, middleman] of Object.entries(lazy)) {
    it(`stops at whoever holds back ${what}`, async () => {
      lockstep.patienceMs = 400;
      await assert.rejects(through(middleman), /Of “(?:answer|say|end)” in call 1 came nothing/);
    });
  }

  it('stops at whoever says more than the server, or ends before it', async () => {
    const talkative = through((answer, res) => {
      begin(answer, res);
      res.write(': of my own\n\n');
      answer.pipe(res);
    });
    await assert.rejects(talkative, /Of “(?:answer|say)” in call 1 came more than that/);
    const hasty = through((answer, res) => {
      begin(answer, res);
      answer.once('data', (piece: Buffer) => res.end(piece));
    });
    await assert.rejects(hasty, /Of “say” in call 1 came caller end/);
  });
});
