import { Transform } from 'node:stream';
import { eventOf } from '../http/event-stream.js';

/** An `endpoint` event is a name and an address. Of larger events nothing is kept but the line that is not whole. */
const eventLimitBytes = 16_384;

const nothing = Buffer.alloc(0);
const [lineFeed, carriageReturn, colon] = [0x0a, 0x0d, 0x3a];

/** A byte order mark is no part of a stream (WHATWG HTML §9.2.6). */
const endpointLine = /^\uFEFF?event: ?endpoint$/;
const endpointLineLimitBytes = 32;

/**
 * A stream of which each `endpoint` event is rewritten, and into which events of ours can be put. Every other event is
 * left as it is, and goes on as soon as it is whole; a comment between events as soon as its line is.
 * @see MCP 2024-11-05, "HTTP with SSE"
 */
export class LegacyStream extends Transform {
  /** What has come and has not gone on yet. */
  #held: Buffer = nothing;
  /** Where in it the line begins that is not whole. */
  #lineStart = 0;
  /** Whether the line ended that a line feed may still belong to. */
  #endedInReturn = false;
  /** Whether the event leads somewhere. */
  #leads = false;
  /** Whether the event is a large one, of which a part has gone on. */
  #isLarge = false;
  /** Whether a part of the line has gone on. */
  #isMidLine = false;
  readonly #unsaid: string[] = [];

  /** @param lead - the address in the place of the one that the server named; undefined when there is none to be had */
  constructor(private readonly lead: (named: string) => string | undefined) {
    super();
  }

  /** Puts an event in, after the one that is on its way. */
  say(json: string): void {
    this.#unsaid.push(eventOf(json));
    this.#sayAll();
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    try {
      this.#take(chunk);
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: (error?: Error | null) => void): void {
    try {
      this.#look(this.#held.subarray(this.#lineStart));
      this.#pass(this.#held);
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  #take(chunk: Buffer): void {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    let [from, passed] = [this.#lineStart, 0];
    if (this.#endedInReturn && bytes[from] === lineFeed) {
      from++;
      if (from === 1) passed = this.#goOn(bytes.subarray(0, 1));
    }
    this.#endedInReturn = false;
    for (let end = endOfLine(bytes, from); end !== undefined; end = endOfLine(bytes, from)) {
      const line = bytes.subarray(from, end);
      this.#look(line);
      const isBetween = from === passed && !this.#isLarge;
      const isBlank = !this.#isMidLine && (line[0] === lineFeed || line[0] === carriageReturn);
      if (isBlank || (isBetween && line[0] === colon)) {
        this.#pass(bytes.subarray(passed, end));
        passed = end;
      }
      this.#isMidLine = false;
      this.#endedInReturn = bytes[end - 1] === carriageReturn;
      from = end;
    }
    bytes = bytes.subarray(passed);
    from -= passed;
    this.#isLarge ||= bytes.length > eventLimitBytes;
    if (this.#isLarge) {
      this.#requireHarmless();
      this.#isMidLine ||= bytes.length - from > endpointLineLimitBytes;
      const kept = this.#isMidLine ? bytes.length : from;
      this.#goOn(bytes.subarray(0, kept));
      bytes = bytes.subarray(kept);
      from = 0;
    }
    [this.#held, this.#lineStart] = [bytes, from];
  }

  #look(line: Buffer): void {
    if (this.#isMidLine || line.length > endpointLineLimitBytes) return;
    this.#leads ||= endpointLine.test(line.toString('utf8').replace(/[\r\n]+$/, ''));
  }

  /** Lets what ends an event go on, and all of it that is not on its way yet. */
  #pass(bytes: Buffer): void {
    if (this.#isLarge) this.#requireHarmless();
    this.#goOn(this.#leads ? this.#led(bytes) : bytes);
    [this.#leads, this.#isLarge] = [false, false];
    this.#sayAll();
  }

  #goOn(bytes: Buffer): number {
    if (bytes.length > 0) this.push(bytes);
    return bytes.length;
  }

  /** @throws Error for a large event that leads somewhere: no client takes one that is not whole */
  #requireHarmless(): void {
    if (this.#leads) throw new Error('The server hides where it wants to be told.');
  }

  /** @throws Error when it leads where nobody may go */
  #led(event: Buffer): Buffer {
    const lines = event.toString('utf8').split(/\r\n|\n|\r/);
    const data = lines.flatMap((line) => /^\uFEFF?data: ?(.*)$/.exec(line)?.[1] ?? []);
    const path = this.lead(data.join('\n').trim());
    if (path === undefined) throw new Error('The server wants to be told somewhere else.');
    return Buffer.from(`event: endpoint\ndata: ${path}\n\n`);
  }

  #sayAll(): void {
    if (this.#isLarge || this.writableFinished) return;
    for (const event of this.#unsaid.splice(0)) this.push(event);
  }
}

/** Behind what ends the line: a carriage return, a line feed or both. */
function endOfLine(bytes: Buffer, from: number): number | undefined {
  const feed = bytes.indexOf(lineFeed, from);
  const untilFeed = feed === -1 ? bytes : bytes.subarray(0, feed);
  const back = untilFeed.indexOf(carriageReturn, from);
  if (back !== -1 && back + 1 !== feed) return back + 1;
  return feed === -1 ? undefined : feed + 1;
}
