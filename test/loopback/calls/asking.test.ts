import assert from 'node:assert/strict';
import { BrokerError } from '../../../src/core/errors.js';
import { Secret } from '../../../src/core/secret.js';
import { errorIn, ProxyRig, toolCall } from '../../support/proxy-rig.js';

const rules = (effect: 'ask' | 'allow', ...scopes: string[]) => [[{ pattern: '*', effect, scopes }]];

describe('a call that rules have let pass for one account', () => {
  const rig = new ProxyRig();
  let asked: string[];
  beforeEach(async () => {
    asked = [];
    await rig.open({
      ask: ({ account }) => {
        asked.push(account.label);
        return Promise.resolve(account.label === 'alice' ? 'allowed' : 'denied');
      },
    });
  });
  afterEach(() => rig.close());

  const lent = (label: string, scopes: readonly string[]) => ({
    token: new Secret(`t-${label}`),
    account: { issuer: 'https://as.example.com', subject: label, label },
    reach: { kind: 'resource', resource: rig.url } as const,
    scopes,
  });
  function replace(status: 401 | 403, second: ReturnType<typeof lent>): void {
    let now = lent('alice', ['mail']);
    rig.tokens.accessToken = () => Promise.resolve(now);
    rig.tokens.newerToken = rig.tokens.widerToken = () => Promise.resolve((now = second));
    rig.handle = (req, res) => {
      if (req.headers.authorization === 'Bearer t-alice')
        res.writeHead(status, { 'www-authenticate': 'Bearer error="insufficient_scope", scope="x"' }).end();
      else res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    };
  }

  for (const status of [401, 403] as const) {
    it(`is not sent for another one after a ${status} without asking about that`, async () => {
      rig.proxy.setServers([{ id: rig.id, url: rig.url, auth: {}, rules: rules('ask') }]);
      replace(status, lent('bob', ['mail']));
      await rig.send();
      assert.deepEqual(asked, ['alice', 'bob']);
      assert.deepEqual(
        rig.seen.map(({ authorization }) => authorization),
        ['Bearer t-alice'],
      );
    });

    it(`is not sent after a ${status} with a token that lacks what the rules want`, async () => {
      rig.proxy.setServers([{ id: rig.id, url: rig.url, auth: {}, rules: rules('allow', 'mail') }]);
      replace(status, lent('bob', []));
      await rig.send();
      assert.equal(rig.seen.length, 1);
    });
  }
});

describe('a rule for everything', () => {
  const rig = new ProxyRig();
  beforeEach(() => rig.open());
  afterEach(() => rig.close());

  for (const [effect, isSent] of [
    ['never', false],
    ['ask', false],
    ['allow', true],
  ] as const)
    it(`lets a method that nobody knows ${isSent ? '' : 'not '}pass: ${effect}`, async () => {
      const set = [{ pattern: '*', effect, scopes: [] }];
      rig.proxy.setServers([{ id: rig.id, url: rig.url, auth: {}, rules: [set] }]);
      await rig.send({ ...toolCall, method: 'x-vendor/runTool' });
      assert.equal(rig.seen.length, isSent ? 1 : 0);
    });
});

describe('a server that was never reached, while nobody is signed in', () => {
  const rig = new ProxyRig();
  beforeEach(async () => {
    await rig.open();
    rig.tokens.reached = false;
    rig.tokens.answers = [new BrokerError('sign_in_required', 'Nobody.')];
  });
  afterEach(() => rig.close());

  for (const method of ['initialize', 'server/discover']) {
    it(`answers ${method} at once with what to do, and asks nobody for it`, async () => {
      const answer = await rig.send({ ...toolCall, method, params: {} });
      assert.equal(errorIn(answer) === undefined, false);
      assert.match(answer.text, /explained/);
      assert.ok(!rig.tokens.asked.some((line) => line.startsWith('signedIn')));
      assert.deepEqual(rig.seen, []);
    });
  }
});
