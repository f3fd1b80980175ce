import { redirectReceiver } from '../../src/loopback/redirect-receiver.js';
import type { ServerId } from '../../src/core/server.js';
import { startAuthorizationServer, type TestAuthorizationServer } from './authorization-server.js';
import { Child } from './child-process.js';
import { FormBrowser } from './form-browser.js';
import { LeapingClock } from './leaping-clock.js';
import { startMcpServer, type TestMcpServer } from './mcp-server.js';
import { processBroker, sharedParts } from './process-window.js';
import { scratchFolder } from './scratch-folder.js';

/** Every step of a renewal, and whether the grant outlives a window that is killed there. */
export const fates = {
  'lease-taken': 'kept',
  'note-begins': 'kept',
  'note-written': 'kept',
  'request-leaves': 'kept',
  'request-sent': 'lost',
  'answer-arrived': 'lost',
  'journal-write-begins': 'lost',
  'journal-written': 'kept',
  'lease-given-back': 'kept',
} as const;

/** Longer than a token is used, so that it has ended for every window. */
const pastTheEndMs = 61_000;

/** Windows that are processes, a real authorization server, and an MCP server whose tokens they share. */
export class WindowCrowd {
  readonly windows: Child[] = [];
  /** How far all windows are ahead of real time. */
  #aheadMs = 0;

  private constructor(
    readonly issuer: TestAuthorizationServer,
    readonly mcp: TestMcpServer,
    readonly folder: string,
  ) {}

  static async start(): Promise<WindowCrowd> {
    const issuer = await startAuthorizationServer({ accessTokenSeconds: 60 });
    const mcp = await startMcpServer({ issuer: issuer.issuer, name: 'notes', answers: 'json' });
    return new WindowCrowd(issuer, mcp, scratchFolder());
  }

  /** Opens so many windows at the same time. */
  async open(count: number): Promise<readonly Child[]> {
    const opened = Array.from({ length: count }, () => this.#child());
    this.windows.push(...opened);
    await Promise.all(opened.map((window) => window.says(/^open$/)));
    return opened;
  }

  /** Signs alice in, in a window of this process, which is closed again. */
  async signIn(): Promise<void> {
    const browser = new FormBrowser({ username: 'alice', password: 'alice', decision: 'allow' });
    const visits: Promise<unknown>[] = [];
    const clock = new LeapingClock();
    clock.leap(this.#aheadMs);
    const broker = processBroker(sharedParts(this.folder), {
      clock,
      fetch,
      openBrowser: (url) => {
        visits.push(browser.open(url));
        return Promise.resolve(true);
      },
      redirects: redirectReceiver({
        template: () => Promise.resolve('{{title}}'),
        describe: ({ kind }) => ({ title: kind, message: kind }),
      }),
    });
    const id = 'notes' as ServerId;
    await broker.setServers([{ id, url: this.mcp.url, auth: {} }]);
    await broker.signIn(id, 'any');
    await Promise.all(visits);
    await broker.close();
  }

  /** The present token has ended; what each of `windows` gets when all ask for one at the same time. */
  expire(windows: readonly Child[]): Promise<string[]> {
    return this.ask(windows, this.expiry());
  }

  /** The command with which a window finds that the present token has ended. */
  expiry(): string {
    this.#aheadMs += pastTheEndMs;
    return `token ${this.#aheadMs}`;
  }

  /** What each of `windows` answers to one command. */
  ask(windows: readonly Child[], command: string): Promise<string[]> {
    return Promise.all(
      windows.map((window) => {
        const from = window.lines.length;
        window.tell(command);
        return window.says(/^(token|refreshed|state|error) /, from);
      }),
    );
  }

  #child(): Child {
    return new Child('window-child', this.folder, this.mcp.url, String(this.#aheadMs));
  }

  async close(): Promise<void> {
    await Promise.all(this.windows.splice(0).map((window) => window.kill()));
    await this.mcp.close();
    await this.issuer.close();
  }
}
