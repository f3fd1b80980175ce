import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Secret } from '../../core/secret.js';

/** What a caller of the proxy must present. */
interface Expected {
  /** What the caller must call us. */
  readonly host: string;
  /** The header `Authorization`, as `stamped`. */
  readonly stamp: Buffer;
}

/** More than a capability has as a header. */
const stampBytes = 64;

type Check = (request: IncomingMessage, expected: Expected) => boolean;

const methods = ['POST', 'GET', 'DELETE'];

const checkMethod: Check = ({ method = '' }) => methods.includes(method);

/** A name that an attacker's DNS points at 127.0.0.1 is not our name. */
const checkHost: Check = ({ headers }, { host }) => headers.host === host;

/** Every cross-origin request of a web page carries an origin, and no MCP client in the editor does. */
const checkOrigin: Check = ({ headers }) =>
  headers.origin === undefined && headers['sec-fetch-site'] === undefined;

/** Where each caller's header is compared, so that no call takes memory for it. */
const presented = Buffer.alloc(stampBytes);

/** Of what is equally long whatever was presented, so that the comparison takes the same time for all. */
const checkCapability: Check = ({ headers }, { stamp }) =>
  timingSafeEqual(stamped(headers.authorization ?? '', presented), stamp);

/** The order is the policy: what costs least and reveals least comes first. */
const checks = [checkMethod, checkHost, checkOrigin, checkCapability];

/** Nobody's: what does not exist is compared too, and takes as long to refuse as what does. */
const unknown = randomBytes(stampBytes);

/**
 * Whether a request comes from a holder of the capability. Looks at the request line and headers only, so that
 * nothing of a stranger's request is read.
 * @param stamp - what `stampOfCapability` gave for the path; undefined when there is no such path
 */
export function isAdmitted(request: IncomingMessage, host: string, stamp: Buffer | undefined): boolean {
  const expected = { host, stamp: stamp ?? unknown };
  return checks.every((check) => check(request, expected)) && stamp !== undefined;
}

/** What the guard compares with. */
export const stampOfCapability = (capability: Secret): Buffer =>
  stamped(`Bearer ${capability.reveal()}`, Buffer.alloc(stampBytes));

/**
 * Fills `stamp` with the first bytes of `text`, and with zeros where there are fewer. They tell a header from every
 * other one: a capability is shorter, and the parser of headers lets no zero through, so that nothing longer is taken
 * for it.
 */
function stamped(text: string, stamp: Buffer): Buffer {
  stamp.fill(0, stamp.write(text, 0, stampBytes, 'latin1'));
  return stamp;
}
