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
 * when somebody has signed in with it, and goes when nobody has; a client that the user has entered is kept as soon as
 * it has been taken.
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
  try {
    const chosen = await choose();
    client = chosen.client;
    releases.push(registrations.hold(client));
    const granted = await chosen.authorize();
    // Only now: that its id is mistyped, the authorization server tells the browser alone.
    if (client !== known && client.source === 'entered') await registrations.save(client);
    const replaced = clients.replaces(client, known) ? known : undefined;
    // Those that nobody has signed in with yet, and those whose port was taken, may be of another window at its page.
    const isLeft =
      replaced !== undefined && registrations.isGranted(replaced) && !isAtAnotherPort(replaced, client);
    const finished = await finish(client, granted);
    if (replaced !== undefined) await registrations.save(client);
    if (isLeft) left = replaced;
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
  }
}
