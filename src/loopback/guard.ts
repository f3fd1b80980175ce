import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Secret } from '../core/secret.js';

/** What a caller of the proxy must present. */
export interface Expected {
  readonly port: number;
  readonly capability: Secret;
}

type Check = (request: IncomingMessage, expected: Expected) => boolean;

const methods = ['POST', 'GET', 'DELETE'];

const checkMethod: Check = ({ method = '' }) => methods.includes(method);

/** A name that an attacker's DNS points at 127.0.0.1 is not our name. */
const checkHost: Check = ({ headers }, { port }) => headers.host === `127.0.0.1:${port}`;

/** Every cross-origin request of a web page carries an origin, and no MCP client in the editor does. */
const checkOrigin: Check = ({ headers }) =>
  headers.origin === undefined && headers['sec-fetch-site'] === undefined;

const checkCapability: Check = ({ headers }, { capability }) =>
  equalInConstantTime(headers.authorization ?? '', `Bearer ${capability.reveal()}`);

/** The order is the policy: what costs least and reveals least comes first. */
const checks = [checkMethod, checkHost, checkOrigin, checkCapability];

/**
 * Whether a request comes from a holder of the capability. Looks at the request line and headers only, so that
 * nothing of a stranger's request is read.
 */
export function isAdmitted(request: IncomingMessage, expected: Expected): boolean {
  return checks.every((check) => check(request, expected));
}

function equalInConstantTime(presented: string, expected: string): boolean {
  const [a, b] = [Buffer.from(presented), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
