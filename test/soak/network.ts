import type { Fetch } from '../../src/core/ports.js';
import type { Gate } from './gate.js';
import type { Answered, Asker, Issuer } from './issuer.js';
import type { Trouble, World } from './world.js';

/** As long as the broker waits for an answer. */
const patienceMs = 30_000;

/** The network as one window has it. */
export function networkOf(world: World, gate: Gate, by: Asker): Fetch {
  const { clock, dice, faults, judge } = world;

  const failed = (code: string) =>
    new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });

  async function onTheWay(trouble: Trouble | undefined): Promise<void> {
    const isSlow = trouble === 'slow' || dice.chance(faults.slowRequests);
    await clock.wait(isSlow ? dice.between(2_000, 40_000) : dice.between(20, 400));
  }

  async function ask(url: URL, method: string, body: string, bearer?: string): Promise<Response> {
    const startedAtMs = clock.nowMs();
    await gate.pass('request leaves');
    const leftAtMs = clock.nowMs();
    judge.count('requests');
    if (faults.isOffline) {
      judge.count('faults: no network');
      await clock.wait(dice.between(1, 50));
      throw failed('ENOTFOUND');
    }
    const issuer = world.issuers.find(({ origin }) => origin === url.origin);
    const trouble = issuer && faults.troubles.get(issuer);
    await onTheWay(trouble);
    if (issuer === undefined) return answerOf(world, url, method);
    const isToken = url.pathname === '/token';
    if (trouble !== undefined && trouble !== 'slow' && dice.chance(0.9)) {
      judge.count(`faults: ${trouble}`);
      return inTrouble(trouble);
    }
    const answered = issuer.answer({
      url,
      method,
      body,
      ...(bearer !== undefined && { bearer }),
      by,
      leftAtMs,
    });
    if (isToken && faults.storageFailsNextForMs > 0) failStorage();
    if (isToken && dice.chance(faults.lostAnswers)) {
      judge.count('faults: answer lost');
      lose(answered);
      throw failed('ECONNRESET');
    }
    await onTheWay(trouble);
    if (clock.nowMs() - startedAtMs > patienceMs) {
      judge.count('faults: answer too late');
      lose(answered);
      throw failed('ETIMEDOUT');
    }
    await gate.pass('answer has arrived');
    if (answered.presentation !== undefined) answered.presentation.answer = 'arrived';
    return Response.json(answered.body, { status: answered.status });
  }

  /** It worked when the request left. */
  function failStorage(): void {
    judge.count('faults: nothing can be stored while a request is on its way');
    Object.assign(faults, { secretsFail: true, journalWritesFail: true });
    const mend = () => Object.assign(faults, { secretsFail: false, journalWritesFail: false });
    clock.after(faults.storageFailsNextForMs, mend);
    faults.storageFailsNextForMs = 0;
  }

  async function inTrouble(trouble: Trouble): Promise<Response> {
    switch (trouble) {
      case '429':
        return Response.json(
          { error: 'slow_down' },
          { status: 429, headers: { 'retry-after': String(Math.round(dice.between(5, 600))) } },
        );
      case '403 page':
        return new Response('<h1>Forbidden</h1>', { status: 403, headers: { 'content-type': 'text/html' } });
      case 'reset':
        throw failed('ECONNRESET');
      case 'no answer':
        await clock.wait(patienceMs);
        throw failed('ETIMEDOUT');
      default:
        return new Response('<h1>Sorry</h1>', { status: Number(trouble) });
    }
  }

  return (address, init) => ask(new URL(address), init.method ?? 'GET', bodyText(init.body), bearerOf(init));
}

const bodyText = (body: RequestInit['body']): string =>
  typeof body === 'string' || body instanceof URLSearchParams ? body.toString() : '';

const bearerOf = ({ headers }: RequestInit): string | undefined =>
  new Headers(headers).get('authorization')?.replace(/^Bearer /, '');

function lose({ presentation }: Answered): void {
  if (presentation !== undefined) presentation.answer = 'lost';
}

/** The MCP servers: they say who issues their tokens. */
function answerOf(world: World, url: URL, method: string): Response {
  const known = '/.well-known/oauth-protected-resource';
  const place = world.placeAt(url.origin + url.pathname.replace(known, ''));
  if (place === undefined) {
    world.judge.misdirected(`${method} ${url.href}`);
    return Response.json({}, { status: 404 });
  }
  const issuers: readonly Issuer[] = [place.issuer];
  if (method === 'GET' && url.pathname.startsWith(known)) {
    return Response.json({
      resource: place.url,
      authorization_servers: issuers.map(({ origin }) => origin),
    });
  }
  return new Response(null, {
    status: 401,
    headers: { 'www-authenticate': `Bearer resource_metadata="${url.origin}${known}${url.pathname}"` },
  });
}
