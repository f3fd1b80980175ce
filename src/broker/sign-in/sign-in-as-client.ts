import type { Client } from '../../core/client.js';
import type { AuthorizationServer } from '../../oauth/authorization-server.js';
import type { Clients } from './clients.js';
import { isAtAnotherPort } from './registration-use.js';
import type { Finished } from './sign-in.js';
import type { Grant } from './sign-in-by-code.js';

/** The steps of a sign-in, as they follow each other. */
export interface ClientSteps {
  /** Chooses the client, `known` or another one, and says how it is authorized. */
  readonly choose: () => Promise<{ readonly client: Client; readonly authorize: () => Promise<Grant> }>;
  /** Makes an account of what was granted, and keeps it. */
  readonly finish: (client: Client, granted: Grant) => Promise<Finished>;
}

/**
 * Takes the steps of a sign-in, during which its clients are left alone. A new registration takes the place of `known`
 * when somebody has signed in with it, and goes when nobody has; an earlier one goes with the last account that used it.
 * A client that the user has entered is kept as soon as it has been taken.
 * @throws BrokerError as the steps
 */
export async function signInAsClient(
  clients: Clients,
  server: AuthorizationServer,
  known: Client | undefined,
  { choose, finish }: ClientSteps,
): Promise<Finished> {
  const { registrations } = clients;
  const releases = known === undefined ? [] : [registrations.hold(known)];
  let client: Client | undefined;
  let left: Client | undefined;
  let former: readonly string[] = [];
  try {
    const chosen = await choose();
    client = chosen.client;
    const release = registrations.hold(client);
    // With another one at hand, nothing here is done with the one before.
    if (client !== known) releases.pop()?.();
    releases.push(release);
    const granted = await chosen.authorize();
    // Only now: that its id is mistyped, the authorization server tells the browser alone.
    if (client !== known && client.source === 'entered') await registrations.save(client);
    const replaced = clients.replaces(client, known) ? known : undefined;
    const before = registrations.grantedAt(server.issuer);
    const finished = await finish(client, granted);
    if (replaced !== undefined) await registrations.save(client);
    // Those that nobody has signed in with yet, and those whose port was taken, may be of another window at its page.
    const mayStay = replaced !== undefined && isAtAnotherPort(replaced, client);
    if (replaced !== undefined && before.has(replaced.clientId) && !mayStay) left = replaced;
    const others = [client.clientId, replaced?.clientId];
    former = [...before].filter((id) => !others.includes(id));
    return finished;
  } catch (error) {
    if (client !== undefined) {
      await clients.forgetIfUnknown(client, error);
      if (clients.replaces(client, known)) left = client;
    }
    throw error;
  } finally {
    for (const release of releases) release();
    if (left !== undefined) void registrations.leaveBehind(server, left);
    for (const id of former) void registrations.leaveQuietly(server, id);
  }
}
