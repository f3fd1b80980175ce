import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A certificate and its key, in PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
  /** The hash of the public key, in the form in which Chromium takes exceptions. */
  readonly spkiHash: string;
}

/** A certificate authority that nobody trusts who has not been told to. */
export interface Authority {
  readonly certificate: string;
  /** A certificate for names, which may begin with `*.`. */
  issue(names: readonly string[]): Certificate;
}

const dayMs = 86_400_000;

/** Makes one, valid from yesterday for a month. */
export function makeAuthority(commonName: string): Authority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = name(commonName);
  const make = (subject: Buffer, publicKey: KeyObject, extensions: readonly Buffer[]): string => {
    const now = Date.now();
    const toBeSigned = sequence(
      tagged(0xa0, integer(Buffer.from([2]))),
      integer(Buffer.concat([Buffer.from([0x01]), randomBytes(15)])),
      ecdsaWithSha256,
      issuer,
      sequence(utcTime(now - dayMs), utcTime(now + 30 * dayMs)),
      subject,
      spki(publicKey),
      tagged(0xa3, sequence(...extensions)),
    );
    const signature = sign('sha256', toBeSigned, own.privateKey);
    return pem(sequence(toBeSigned, ecdsaWithSha256, bitString(signature)));
  };
  const isAuthority = [
    extension(objectId(2, 5, 29, 19), sequence(tagged(0x01, Buffer.from([0xff]))), true),
    // keyCertSign
    extension(objectId(2, 5, 29, 15), tagged(0x03, Buffer.from([0x02, 0x04])), true),
  ];
  return {
    certificate: make(issuer, own.publicKey, isAuthority),
    issue: (names) => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const alternatives = sequence(...names.map((each) => tagged(0x82, Buffer.from(each))));
      const serverAuth = sequence(objectId(1, 3, 6, 1, 5, 5, 7, 3, 1));
      return {
        certificate: make(name(names[0] ?? ''), publicKey, [
          extension(objectId(2, 5, 29, 17), alternatives),
          extension(objectId(2, 5, 29, 37), serverAuth),
        ]),
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        spkiHash: createHash('sha256').update(spki(publicKey)).digest('base64'),
      };
    },
  };
}

// X.509 (RFC 5280 §4.1) in DER (ITU-T X.690 §8 and §10), as little of it as one needs.

const tagged = (tag: number, ...contents: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(contents);
  const { length } = body;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
};

const sequence = (...contents: readonly Buffer[]): Buffer => tagged(0x30, ...contents);
const integer = (value: Buffer): Buffer => tagged(0x02, value);
const bitString = (value: Buffer): Buffer => tagged(0x03, Buffer.from([0]), value);
const spki = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });

function objectId(first: number, second: number, ...rest: readonly number[]): Buffer {
  const bytes = rest.flatMap((part) => {
    const groups = [part & 0x7f];
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return tagged(0x06, Buffer.from([first * 40 + second, ...bytes]));
}

const ecdsaWithSha256 = sequence(objectId(1, 2, 840, 10045, 4, 3, 2));

const name = (commonName: string): Buffer =>
  sequence(tagged(0x31, sequence(objectId(2, 5, 4, 3), tagged(0x0c, Buffer.from(commonName)))));

const utcTime = (atMs: number): Buffer => {
  const digits = new Date(atMs).toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return tagged(0x17, Buffer.from(`${digits}Z`));
};

const extension = (id: Buffer, value: Buffer, isCritical = false): Buffer =>
  sequence(id, ...(isCritical ? [tagged(0x01, Buffer.from([0xff]))] : []), tagged(0x04, value));

const pem = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`;
