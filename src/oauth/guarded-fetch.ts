import { parseAddress } from '../core/address.js';
import { isUntrustedCertificate } from '../core/certificate.js';
import { BrokerError, hasCode } from '../core/errors.js';
import type { Fetch } from '../core/ports.js';

/** Long enough for a slow identity provider, short enough that a sign-in does not seem to hang. */
const answerLimitMs = 30_000;

/** Metadata and token answers are a few kilobytes; more is a mistake or an attack. */
const bodyLimitBytes = 1_048_576;

/**
 * The one way to discovery, registration, token and revocation endpoints: https or loopback only, no redirect
 * followed, bounded in time and size. The answer's body is read whole before this returns.
 * @throws (from the result) BrokerError `address_refused`, `network_refused`, `issuer_unreachable`, `tls_untrusted`
 */
export function guardedFetch(fetch: Fetch): Fetch {
  return guarded(fetch, readWhole);
}

/** As `guardedFetch`, for answers of which only status and headers matter: the body may be a stream without end. */
export function guardedHeadFetch(fetch: Fetch): Fetch {
  return guarded(fetch, async (response) => {
    await response.body?.cancel();
    return null;
  });
}

function guarded(fetch: Fetch, read: (response: Response) => Promise<Uint8Array<ArrayBuffer> | null>): Fetch {
  return async (address, init) => {
    const url = parseAddress(address);
    const deadline = AbortSignal.timeout(answerLimitMs);
    const signal = init.signal ? AbortSignal.any([init.signal, deadline]) : deadline;
    let response: Response;
    let body: Uint8Array<ArrayBuffer> | null;
    try {
      response = await fetch(address, { ...init, redirect: 'manual', signal });
      body = await read(response);
    } catch (cause) {
      init.signal?.throwIfAborted();
      if (hasCode(cause, 'network_refused')) throw cause;
      throw unreachable(url, cause);
    }
    const { status, statusText, headers } = response;
    return new Response([204, 205, 304].includes(status) ? null : body, { status, statusText, headers });
  };
}

async function readWhole(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    const bytes = chunk as Uint8Array;
    size += bytes.byteLength;
    if (size > bodyLimitBytes) throw new RangeError(`The answer is larger than ${bodyLimitBytes} bytes.`);
    chunks.push(bytes);
  }
  const body = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return body;
}

function unreachable(url: URL, cause: unknown): BrokerError {
  const details = { host: url.host };
  if (isUntrustedCertificate(cause)) {
    return new BrokerError('tls_untrusted', `The certificate of ${url.host} is not trusted.`, {
      cause,
      details,
    });
  }
  return new BrokerError('issuer_unreachable', `No answer from ${url.host}.`, { cause, details });
}
