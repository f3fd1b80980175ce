import type { IncomingMessage } from 'node:http';
import { BrokerError } from '../../core/errors.js';
import type { Clock } from '../../core/ports.js';
import type { LentToken } from '../../core/token-source.js';
import { discard } from '../http/discard.js';
import type { Upstream, UpstreamRequest } from '../http/upstream.js';
import type { WaitingCall } from './waiting-calls.js';

/**
 * Sends a request with a token on loan, and with the proof that a bound token needs; once more when the server wants
 * a nonce in it, which is no refusal of the token: it has not been looked at yet. Every answer may bring the nonce of
 * the next request.
 * @param own - by which the client can take the call back while a proof is made, and before it is sent once more
 * @throws BrokerError as `Upstream.send`; `call_cancelled`; `nonce_wanted` for a request that cannot be repeated; the next one will carry it
 * @see RFC 9449 §7.1, §8.2 and §9
 */
export function sendLent(
  upstream: Upstream,
  request: UpstreamRequest,
  { token, prove }: LentToken,
  clock: Clock,
  own: WaitingCall | undefined,
): Promise<IncomingMessage> {
  return prove === undefined
    ? upstream.send(request, { token })
    : sendProven(upstream, request, token, prove, clock, own);
}

async function sendProven(
  upstream: Upstream,
  request: UpstreamRequest,
  token: LentToken['token'],
  prove: NonNullable<LentToken['prove']>,
  clock: Clock,
  own: WaitingCall | undefined,
): Promise<IncomingMessage> {
  const send = async () => {
    const proof = await prove(request.method, request.url.href);
    // Its client may have taken it back meanwhile.
    own?.leave();
    const answer = await upstream.send(request, { token, proof: proof.header });
    const nonce = nonceOf(answer);
    if (nonce !== undefined) await proof.noted(nonce);
    return answer;
  };
  const answer = await send();
  if (!wantsNonce(answer)) return answer;
  if (request.body.whole !== undefined) {
    discard(answer, clock);
    return send();
  }
  // The rest of the request would be waited for.
  answer.destroy();
  throw new BrokerError('nonce_wanted', 'A nonce is wanted in a request that is too large to be repeated.');
}

const nonceOf = ({ headersDistinct }: IncomingMessage): string | undefined =>
  headersDistinct['dpop-nonce']?.[0];

const wantsNonce = (answer: IncomingMessage): boolean =>
  answer.statusCode === 401 &&
  /\buse_dpop_nonce\b/.test(answer.headers['www-authenticate'] ?? '') &&
  nonceOf(answer) !== undefined;
