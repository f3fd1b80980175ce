import assert from 'node:assert/strict';
import { covers, isSameIssuer, parseAddress } from '../../src/core/address.js';
import { recordOf } from '../../src/core/audit.js';
import { masked } from '../../src/core/masking.js';
import { Secret } from '../../src/core/secret.js';
import { googleRefusal } from '../../src/google/refusal.js';
import { quoted } from '../../src/loopback/http/refusal.js';
import { elsewhere } from '../../src/oauth/audience.js';
import { missingScopes, readBearerChallenge } from '../../src/oauth/challenge.js';
import { identify } from '../../src/oauth/identity.js';
import { quirksOf } from '../../src/oauth/quirks.js';
import { redacted } from '../../src/core/redaction.js';
import { refusalReason } from '../../src/oauth/refusal.js';
import { readTokenAnswer } from '../../src/oauth/token-answer.js';

const server = 'https://mcp.example.com/mcp';
const issuer = 'https://as.example.com';
const secret = new Secret('1//0gABCdef+xyz/secret');

/** Everything of ours that looks for something in a text that somebody else has written. */
const readers: Readonly<Record<string, (text: string) => unknown>> = {
  'an address': (text) => {
    try {
      return parseAddress(text);
    } catch (error) {
      return error;
    }
  },
  'an issuer': (text) => [isSameIssuer(text, issuer), quirksOf(text, [])],
  'a resource': (text) => covers(text, server),
  'a line of the log': masked,
  'a line of the trail': (text) => recordOf({ kind: 'refusal', resource: text, scopes: [text] }, 0, String),
  'the reason of a refusal': (text) => quoted(text, secret.reveal()),
  'the words of a token endpoint': (text) => [
    refusalReason('invalid_grant', text),
    redacted(text, [secret]),
    googleRefusal({
      error: 'invalid_grant',
      description: text,
      nowMs: 0,
      renewedAtMs: 0,
    }),
  ],
  'a token answer': (text) =>
    readTokenAnswer(
      Response.json(
        { error: 'invalid_grant', error_subtype: text, error_description: text },
        { status: 400 },
      ),
      () => Promise.reject(new TypeError('This grants nothing.')),
      0,
    ),
  'a challenge': (text) => {
    const value = text.replace(/[\r\n]/g, ' ');
    return [readBearerChallenge(new Headers({ 'www-authenticate': value })), missingScopes([value])];
  },
  'an access token': (text) => [
    elsewhere(new Secret(text), server),
    identify(issuer, { accessToken: new Secret(text) }),
  ],
};

const beginnings = ['', 'https://a/', 'bearer', 'code=', 'Bearer a="', 'Bearer a="b", c=', 'eyJ', 'x.'];

const pieces = [
  ...[' ', '\t', '\n', 'a', ':', '/', '\\', '@', '.', '-', '"', ',', '=', '%', '*', '+', '#'],
  ...['\\"', '" ', '", ', 'a=b,', 'a=",', ', x', '://', ':@', '%2', '%25', '{"a":'],
  ...[
    'eyJ-',
    'eyJaaaaaaaa.',
    'eyJaaaaaaaa-',
    'bearer ',
    'bearer-',
    'code=',
    'code = ',
    'code"',
    'Bearer a="',
  ],
  ...['revoked ', 'expired ', 'revoked expired '],
];

/** The size grows until a reader whose work grows with its square would need a minute; one that reads once needs no moment. */
const sizes = [4_096, 32_768, 131_072];
const limitMs = 2_000;

describe('attack: a text that takes long to read', function () {
  this.timeout(120_000);

  for (const [what, read] of Object.entries(readers)) {
    it(`stops nothing as ${what}`, async () => {
      for (const size of sizes)
        for (const beginning of beginnings)
          for (const piece of pieces) {
            const text = beginning + piece.repeat(Math.ceil(size / piece.length));
            const startMs = performance.now();
            await read(text);
            const tookMs = Math.round(performance.now() - startMs);
            assert.ok(
              tookMs < limitMs,
              `${size} characters of ${JSON.stringify([beginning, piece])}: ${tookMs} ms`,
            );
          }
    });
  }
});
