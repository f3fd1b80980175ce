import type { IncomingMessage } from 'node:http';
import type { Transform } from 'node:stream';
import { BrokerError } from '../../core/errors.js';
import type { Log } from '../../core/ports.js';
import type { Server } from '../../core/server.js';
import type { LentToken, TokenSource } from '../../core/token-source.js';
import { mayBeTold } from '../http/beside-stream.js';
import type { LegacyEndpoints } from './legacy-sse.js';
import { quoted } from '../http/refusal.js';

export interface LegacyParts {
  readonly tokens: TokenSource;
  readonly log: Log;
  readonly legacy: LegacyEndpoints;
}

/**
 * What `answer` to a GET outside of any session has to go through, since it may turn out to be a stream of the older
 * transport, and so a session of its own.
 * @param path - at which we offer `server`
 * @param lent - the token that the answer was given to
 * @returns undefined when it is an error
 * @throws BrokerError `server_failed` when it cannot be read
 */
export function legacyStream(
  server: Server,
  path: string,
  answer: IncomingMessage,
  lent: LentToken,
  { legacy, tokens, log }: LegacyParts,
): Transform | undefined {
  if ((answer.statusCode ?? 502) >= 300) return undefined;
  if ((answer.headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    answer.destroy();
    throw new BrokerError('server_failed', 'The stream is packed, which it was not asked to be.', {
      details: { status: answer.statusCode ?? 502 },
    });
  }
  const { origin } = new URL(server.url);
  let opened: string | undefined;
  const stream = legacy.stream({
    server: server.id,
    address: server.url,
    pathOf: (key) => `${path}/${key}`,
    isAllowed: (url) =>
      URL.canParse(url) &&
      new URL(url).origin === origin &&
      mayBeTold(lent.reach, { url, stream: server.url }),
    opened: (name) => {
      opened = name;
      tokens.sessionOpened(server.id, name, lent);
    },
    refused: (url) => {
      // The rest of the address may be anything, such as what the server was given.
      const named = URL.canParse(url) ? new URL(url) : undefined;
      const where = named && quoted(`${named.protocol}//${named.host}`, lent.token.reveal());
      log.warn(
        `${JSON.stringify(server.id)} wants to be told at ${where ?? 'an address'} which its credential is not for.`,
      );
    },
  });
  stream.once('close', () => opened !== undefined && tokens.sessionClosed(server.id, opened));
  return stream;
}
