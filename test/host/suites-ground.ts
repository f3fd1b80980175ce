import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { AuthorizationServerOptions } from '../support/authorization-server.js';
import { Parties, tokenMs } from './parties.js';
import type { Outside, Seen } from './suites/witness.js';

const path = '/witness';

/** The servers for the suites inside an extension host, which ask them over HTTP what they have seen. */
export class SuitesGround {
  private constructor(readonly parties: Parties) {}

  static async start(options: Pick<AuthorizationServerOptions, 'extraRoutes'> = {}): Promise<SuitesGround> {
    const accounts = {
      tickets: {},
      work: { account: 'alice@example.com' },
      home: { account: 'bob@example.com' },
    };
    const extraRoutes = (req: IncomingMessage, res: ServerResponse): boolean =>
      ground.#testify(req, res) || options.extraRoutes?.(req, res) === true;
    const ground = new SuitesGround(await Parties.start(accounts, { extraRoutes }));
    return ground;
  }

  /** For the handover. */
  get outside(): Outside {
    const { issuer, settings } = this.parties;
    return { witness: issuer.issuer + path, entries: settings, tokenMs };
  }

  close(): Promise<void> {
    return this.parties.close();
  }

  #testify(req: IncomingMessage, res: ServerResponse): boolean {
    const { gate } = this.parties;
    const answers: Readonly<Record<string, (body: string) => unknown>> = {
      seen: () => this.#seen(),
      'close-gate': () => gate.close(),
      'open-gate': () => gate.open(),
      'secrets-in': (body) =>
        [...this.parties.issuer.issuedSecrets].filter((secret) => body.includes(secret)).length,
    };
    const answer = answers[(req.url ?? '').slice(path.length + 1)];
    if (!req.url?.startsWith(`${path}/`) || answer === undefined) return false;
    void text(req).then((body) => {
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer(body) ?? null));
    });
    return true;
  }

  #seen(): Seen {
    const { issuer, gate, servers } = this.parties;
    return {
      refreshedAtMs: issuer.events.filter(({ kind }) => kind === 'refreshed').map(({ atMs }) => atMs),
      refusedRefreshes: issuer.counts().refusedRefreshes,
      waitingRenewals: gate.waiting,
      sessions: Object.fromEntries(
        [...servers].map(([name, { sessions }]) => [
          name,
          sessions.map(({ id, subject, calls }) => ({
            id,
            owner: subject,
            callers: [...new Set(calls.map((call) => call.subject))],
          })),
        ]),
      ),
      notes: [...servers.values()].flatMap(({ notes }) => notes),
    };
  }
}
