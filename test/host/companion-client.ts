import { readFile } from 'node:fs/promises';
import type { ControlMethods, Endpoint } from './companion/protocol.js';
import { until } from './until.js';

/** A start of the editor up to the activation of its extensions, on a slow machine. */
const activationLimitMs = 60_000;

/** The way from a test to the companion in one window, until that window is reloaded or closed. */
export class CompanionClient {
  constructor(readonly endpoint: Endpoint) {}

  /**
   * Waits for a companion that has written its endpoint to `controlFile`, and that is not `previous`: after
   * a reload the file still names the companion that is gone until the new one is up.
   */
  static async connect(controlFile: string, previous?: CompanionClient): Promise<CompanionClient> {
    const endpoint = await until(
      'companion',
      async () => {
        const written = await readFile(controlFile, 'utf8').catch(() => undefined);
        if (written === undefined) return undefined;
        // Written by our own companion, which renames the whole file into place.
        const read = JSON.parse(written) as Endpoint;
        return read.token !== previous?.endpoint.token && read;
      },
      activationLimitMs,
    );
    return new CompanionClient(endpoint);
  }

  /** Calls a method of the companion. Its error becomes ours, with the same message. */
  async call<Name extends keyof ControlMethods>(
    method: Name,
    params: ControlMethods[Name]['params'],
  ): Promise<ControlMethods[Name]['result']> {
    const response = await fetch(`http://127.0.0.1:${this.endpoint.port}/${method}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.endpoint.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(params),
    });
    const answer = (await response.json()) as { result: ControlMethods[Name]['result']; error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.result;
  }
}
