import type { IncomingMessage } from 'node:http';
import type { LentToken } from '../core/token-source.js';
import type { Upstream, UpstreamRequest } from './upstream.js';

/**
 * Sends a request with a token on loan, and with the proof that a bound token needs; once more when the server wants
 * a nonce in it, which is no refusal of the token: it has not been looked at yet.
 * @throws BrokerError as `Upstream.send`
 * @see RFC 9449 §7.1 and §9
 */
export async function sendLent(
  upstream: Upstream,
  request: Omit<UpstreamRequest, 'token' | 'proof'>,
  { token, prove }: LentToken,
): Promise<IncomingMessage> {
  const send = async (nonce?: string) => {
    const proof = await prove?.(request.method, request.url.href, nonce);
    return upstream.send({ ...request, token, ...(proof !== undefined && { proof }) });
  };
  const answer = await send();
  const nonce = wantedNonce(answer);
  if (prove === undefined || nonce === undefined || request.body.whole === undefined) return answer;
  answer.resume();
  return send(nonce);
}

function wantedNonce(answer: IncomingMessage): string | undefined {
  const isAskedFor =
    answer.statusCode === 401 && /\buse_dpop_nonce\b/.test(answer.headers['www-authenticate'] ?? '');
  return isAskedFor ? answer.headersDistinct['dpop-nonce']?.[0] : undefined;
}
