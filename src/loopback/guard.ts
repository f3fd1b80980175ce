import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Secret } from '../core/secret.js';

/** What a caller of the proxy must present. */
interface Expected {
  /** What the caller must call us. */
  readonly host: string;
  /** Of the header `Authorization`. */
  readonly digest: Buffer;
}

type Check = (request: IncomingMessage, expected: Expected) => boolean;

const methods = ['POST', 'GET', 'DELETE'];

const checkMethod: Check = ({ method = '' }) => methods.includes(method);

/** A name that an attacker's DNS points at 127.0.0.1 is not our name. */
const checkHost: Check = ({ headers }, { host }) => headers.host === host;

/** Every cross-origin request of a web page carries an origin, and no MCP client in the editor does. */
const checkOrigin: Check = ({ headers }) =>
  headers.origin === undefined && headers['sec-fetch-site'] === undefined;

/** Of digests, which are equally long whatever was presented, so that the comparison takes the same time for all. */
const checkCapability: Check = ({ headers }, { digest }) =>
  timingSafeEqual(digestOf(headers.authorization ?? ''), digest);

/** The order is the policy: what costs least and reveals least comes first. */
const checks = [checkMethod, checkHost, checkOrigin, checkCapability];

/** Nobody's: what does not exist is compared too, and takes as long to refuse as what does. */
const unknown = randomBytes(32);

/**
 * Whether a request comes from a holder of the capability. Looks at the request line and headers only, so that
 * nothing of a stranger's request is read.
 * @param digest - what `digestOfCapability` gave for the path; undefined when there is no such path
 */
export function isAdmitted(request: IncomingMessage, host: string, digest: Buffer | undefined): boolean {
  const expected = { host, digest: digest ?? unknown };
  return checks.every((check) => check(request, expected)) && digest !== undefined;
}

/** What the guard compares with. */
export const digestOfCapability = (capability: Secret): Buffer => digestOf(`Bearer ${capability.reveal()}`);

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
