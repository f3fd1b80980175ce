import type { gaxios } from 'google-auth-library';
import { BrokerError } from '../core/errors.js';
import type { Fetch } from '../core/ports.js';
import { Secret } from '../core/secret.js';

/** The library has this address of Google's in its code. */
const builtInTokenEndpoint = 'https://oauth2.googleapis.com/token';

/** Google's library as it is loaded. */
export type Library = typeof import('./library.js');

interface Answer {
  readonly refresh_token?: unknown;
  readonly expires_in?: unknown;
  readonly expireTime?: unknown;
}

/** What the library sends its requests by. */
export type Transport = gaxios.Gaxios & {
  /** The refresh token that an answer gave in the place of the one that was sent; the library forgets it. */
  rotated: Secret | undefined;
  /** The life of the token in the last answer that had one, in seconds. */
  lifetimeSeconds: number | undefined;
  /** Why the last request got no answer. */
  failure: BrokerError | undefined;
  /** What it has sent that is worth a token to whoever reads it. */
  readonly sent: readonly Secret[];
};

/** The members of a form that are. */
const confidential = ['assertion', 'client_secret', 'refresh_token', 'subject_token'];

/**
 * The only way out for Google's library: through our own fetch, in time, and once. The library would repeat token
 * requests, which spends a refresh token twice.
 * @param tokenEndpoint - where Google's token endpoint is
 * @param limitMs - how long an answer may take
 */
export function transportOf(
  { gaxios }: Library,
  fetch: Fetch,
  tokenEndpoint: string,
  limitMs: number,
): Transport {
  return new (class extends gaxios.Gaxios implements Transport {
    rotated: Secret | undefined;
    lifetimeSeconds: number | undefined;
    failure: BrokerError | undefined;
    readonly sent: Secret[] = [];

    constructor() {
      super({ fetchImplementation: (...request) => this.#send(...request) });
    }

    override async request<T = unknown>(
      options: gaxios.GaxiosOptions = {},
    ): Promise<gaxios.GaxiosResponse<T>> {
      const response = await super.request<T>({
        ...options,
        ...(String(options.url) === builtInTokenEndpoint && { url: tokenEndpoint }),
        retry: false,
        retryConfig: { retry: 0, noResponseRetries: 0, httpMethodsToRetry: [] },
        timeout: limitMs,
      });
      const {
        refresh_token: rotated,
        expires_in: seconds,
        expireTime: end,
      } = Object(response.data) as Answer;
      if (typeof rotated === 'string' && rotated !== '') this.rotated = new Secret(rotated);
      const life = typeof end === 'string' ? secondsUntil(end, response.headers.get('date')) : seconds;
      if (typeof life === 'number' && life > 0) this.lifetimeSeconds = life;
      return response;
    }

    async #send(input: unknown, { method, headers, body, signal }: RequestInit = {}): Promise<Response> {
      const [, credential] = new Headers(headers).get('authorization')?.split(' ') ?? [];
      const form = new URLSearchParams(
        body instanceof URLSearchParams || typeof body === 'string' ? body : '',
      );
      const values = [credential, ...confidential.map((name) => form.get(name))];
      this.sent.push(...values.flatMap((value) => (value ? [new Secret(value)] : [])));
      try {
        return await fetch(String(input), {
          ...(method !== undefined && { method }),
          ...(headers !== undefined && { headers }),
          ...(body != null && { body }),
          ...(signal && { signal }),
        });
      } catch (error) {
        this.failure = error instanceof BrokerError ? error : tooLate(String(input), error);
        throw error;
      }
    }
  })();
}

/** By the clock of whoever answers; that of this computer may be wrong. */
const secondsUntil = (end: string, answeredAt: string | null): number =>
  Math.round((Date.parse(end) - (answeredAt === null ? Date.now() : Date.parse(answeredAt))) / 1000);

const tooLate = (address: string, cause: unknown): BrokerError => {
  const { host } = new URL(address);
  return new BrokerError('issuer_unreachable', `No answer from ${host}.`, { cause, details: { host } });
};
