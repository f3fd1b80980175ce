import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Deed, HeaderLines } from '../../support/deed.js';
import { listen, type Listener } from '../../support/listener.js';

/** Node says by itself what belongs to one connection. */
const ofConnection = ['connection', 'keep-alive', 'transfer-encoding'];

/** Stands in front of a server, and writes down what its clients and it do, in the order in which it hears of that. */
export class Tap {
  readonly deeds: Deed[] = [];
  #calls = 0;

  private constructor(
    private readonly listener: Listener,
    private readonly origin: string,
  ) {}

  /** @param origin - of the server */
  static async start(origin: string): Promise<Tap> {
    const tap = new Tap(await listen('127.0.0.1'), origin);
    tap.listener.serve((req, res) => tap.#pass(req, res));
    return tap;
  }

  /** Where the server is reached through it. */
  get url(): string {
    return `${this.listener.origin}/mcp`;
  }

  /** Whether nobody waits for anything. */
  get isQuiet(): boolean {
    const over = this.deeds.filter(({ does }) => ['end', 'break off', 'hang up'].includes(does));
    return over.length === this.#calls;
  }

  /** Cuts every connection. */
  close(): Promise<void> {
    return this.listener.close();
  }

  async #pass(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const call = ++this.#calls;
    const { method = '', rawHeaders, url = '' } = req;
    const pieces = (await req.toArray()) as Buffer[];
    this.deeds.push({ call, does: 'ask', method, headers: without(['authorization'], rawHeaders), pieces });
    const outgoing = request(new URL(url, this.origin), {
      method,
      headers: [...without(['host', ...ofConnection], rawHeaders), 'host', new URL(this.origin).host],
      agent: false,
    });
    let isOver = false;
    const ends = (does: 'end' | 'break off' | 'hang up') => {
      if (!isOver) this.deeds.push({ call, does });
      isOver = true;
    };
    res.on('close', () => {
      ends('hang up');
      outgoing.destroy();
    });
    const breaksOff = () => {
      ends('break off');
      res.destroy();
    };
    outgoing.on('error', breaksOff);
    outgoing.on('response', (answer) => {
      const { statusCode: status = 0, rawHeaders: headers } = answer;
      this.deeds.push({ call, does: 'answer', status, headers });
      res.writeHead(status, without(ofConnection, headers)).flushHeaders();
      answer.on('data', (piece: Buffer) => {
        this.deeds.push({ call, does: 'say', piece });
        res.write(piece);
      });
      answer.on('error', breaksOff);
      answer.on('end', () => {
        ends('end');
        res.end();
      });
    });
    outgoing.end(Buffer.concat(pieces));
  }
}

const without = (names: readonly string[], lines: HeaderLines): string[] =>
  lines.filter((_, at) => !names.includes((lines[at - (at % 2)] ?? '').toLowerCase()));
