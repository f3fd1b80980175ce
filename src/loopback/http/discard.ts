import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../core/ports.js';
import type { Body } from './body.js';

/** What is shorter is read to its end, after which the connection serves the next call. */
const worthBytes = 65_536;
const worthMs = 1_000;

/** Leaves the rest of an answer unread; its connection ends with it when the rest is long or slow. */
export function discard(answer: IncomingMessage, clock: Clock): void {
  if (answer.destroyed || answer.readableEnded) return;
  let size = 0;
  const end = () => answer.destroy();
  const timer = clock.after(worthMs, end);
  answer.on('error', end);
  answer.once('close', () => timer.dispose());
  answer.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > worthBytes) end();
  });
  answer.resume();
}

/** The same for the answer to a request of which the rest may still be waited for: then its connection ends at once. */
export function giveUp(answer: IncomingMessage, { whole }: Body, clock: Clock): void {
  if (whole === undefined) answer.destroy();
  else discard(answer, clock);
}
