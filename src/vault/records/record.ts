import * as v from 'valibot';
import { clientAuthMethods, clientSources, type Client } from '../../core/client.js';
import type { Credential } from '../../core/credential.js';
import { BrokerError } from '../../core/errors.js';
import { refusalReasons } from '../../core/refusal.js';
import { Secret } from '../../core/secret.js';

/** The stored form. A change that old code cannot read needs a new number and a migration from the old one. */
const version = 1;

const secret = v.pipe(
  v.string(),
  v.minLength(1),
  v.transform((value) => new Secret(value)),
);
const instant = v.pipe(v.number(), v.finite(), v.minValue(0));

/** An account as it is stored anywhere. */
export const accountSchema = v.strictObject({ issuer: v.string(), subject: v.string(), label: v.string() });

const clientSchema = v.strictObject({
  issuer: v.string(),
  clientId: v.pipe(v.string(), v.minLength(1)),
  clientSecret: v.exactOptional(secret),
  privateKey: v.exactOptional(secret),
  authMethod: v.picklist(clientAuthMethods),
  source: v.picklist(clientSources),
  redirectUri: v.exactOptional(v.string()),
  otherRedirectUris: v.exactOptional(v.array(v.string())),
  isRedirectFixed: v.exactOptional(v.literal(true)),
});

export const grantSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('client_credentials') }),
  v.strictObject({ kind: v.literal('jwt_bearer'), tokenFile: v.string() }),
  v.strictObject({ kind: v.literal('token_exchange'), tokenFile: v.string(), tokenType: v.string() }),
  v.strictObject({
    kind: v.literal('identity_assertion'),
    tokenFile: v.string(),
    idpIssuer: v.string(),
    idpClientId: v.string(),
  }),
  v.strictObject({
    kind: v.literal('google'),
    credentialsFile: v.exactOptional(v.string()),
    subject: v.exactOptional(v.string()),
    impersonate: v.exactOptional(v.string()),
    audience: v.exactOptional(v.string()),
  }),
]);

const tokensSchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('alive'),
    accessToken: secret,
    refreshToken: v.exactOptional(secret),
    loginDigest: v.exactOptional(v.string()),
    isLoginUnproven: v.exactOptional(v.literal(true)),
    quotaProject: v.exactOptional(v.string()),
    dpopKey: v.exactOptional(secret),
    issuedAtMs: instant,
    signedInAtMs: v.exactOptional(instant),
    grantedAtMs: v.exactOptional(instant),
    grantEndsAtMs: v.exactOptional(instant),
    expiresAtMs: v.exactOptional(instant),
  }),
  v.strictObject({
    kind: v.literal('refused'),
    // Earlier and later versions of us know reasons that this one does not.
    reason: v.fallback(v.picklist(refusalReasons), 'refused'),
    refusedAtMs: instant,
    signedInAtMs: v.exactOptional(instant),
  }),
]);

const credentialSchema = v.strictObject({
  version: v.literal(version),
  account: accountSchema,
  client: clientSchema,
  grant: v.exactOptional(grantSchema),
  resource: v.string(),
  generation: v.pipe(v.number(), v.integer(), v.minValue(1)),
  scopes: v.array(v.string()),
  tokens: tokensSchema,
});

const registrationSchema = v.strictObject({
  version: v.literal(version),
  client: v.strictObject({
    ...clientSchema.entries,
    management: v.exactOptional(v.strictObject({ uri: v.string(), token: secret })),
    scopes: v.exactOptional(v.array(v.string())),
    secretEndsAtMs: v.exactOptional(instant),
  }),
});

/** The one place where the secrets of a credential leave their type: on the way into the editor's SecretStorage. */
export function serializeCredential(credential: Credential): string {
  const { management: _, scopes: __, secretEndsAtMs: ___, ...client } = credential.client;
  return JSON.stringify({ version, ...credential, client }, revealing);
}

/** @throws BrokerError `record_damaged`, without any of the text */
export function parseCredential(text: string): Credential {
  const { version, ...credential } = parse(credentialSchema, text);
  return credential;
}

/** As `serializeCredential`, for our registration at an issuer. */
export function serializeClient(client: Client): string {
  return JSON.stringify({ version, client }, revealing);
}

/** @throws BrokerError `record_damaged`, without any of the text */
export function parseClient(text: string): Client {
  return parse(registrationSchema, text).client;
}

/** `JSON.stringify` shows the replacer what `toJSON` made; the secret itself is still on the holder. */
function revealing(this: unknown, key: string, value: unknown): unknown {
  const original = (this as Record<string, unknown>)[key];
  return original instanceof Secret ? original.reveal() : value;
}

function parse<T>(schema: v.GenericSchema<unknown, T>, text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which is secret.
    throw new BrokerError('record_damaged', 'The record is not JSON.');
  }
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const places = result.issues.map(placeOf).join(', ');
  throw new BrokerError('record_damaged', `The record is wrong at ${places}.`);
}

/** The name of a member that should not be there is text of the record, which may be half of a token. */
const placeOf = (issue: v.BaseIssue<unknown>): string =>
  issue.expected === 'never' ? 'a member that nobody knows' : (v.getDotPath(issue) ?? 'the record itself');
