import { Announcer } from '../core/announcer.js';
import type { Credential } from '../core/credential.js';
import { describeError } from '../core/errors.js';
import type { ServerId } from '../core/server.js';
import { CredentialVault } from '../vault/credentials.js';
import { Bindings } from '../vault/ledgers/bindings.js';
import { Sessions } from '../vault/ledgers/sessions.js';
import { AllowedOrigins } from '../vault/records/allowed-origins.js';
import type { BrokerParts } from './broker-parts.js';
import { Imports } from './imports.js';
import { Lending } from './lending.js';
import { Readiness } from './readiness.js';
import { Renewals } from './refresh/renewals.js';
import { BoundServers } from './servers/bound-servers.js';
import { Loader } from './servers/loader.js';
import { Permissions } from './servers/permissions.js';
import { Clients } from './sign-in/clients.js';
import { SignIns } from './sign-in/sign-ins.js';
import { SignOuts } from './sign-in/sign-outs.js';
import { Departures } from './state/departures.js';
import { Grants } from './state/grants.js';
import { Holdings } from './state/holdings.js';
import { Issuers } from './state/issuers.js';
import { KeptLeases } from './state/kept-leases.js';
import { OwnClients } from './state/own-clients.js';
import { Reaches } from './state/reaches.js';
import { StepUps } from './state/step-ups.js';
import { Wants } from './wants.js';

export type BrokerGraph = ReturnType<typeof brokerGraph>;

/**
 * Builds what a window's broker consists of, in four layers, each of which is made of those before it: what is known,
 * what keeps it fresh, what needs the user, and what serves calls.
 * @param closing - the end of this window
 */
export function brokerGraph(parts: BrokerParts, closing: AbortSignal) {
  const window = { ...parts, ...announcing(parts), closing };
  const known = { ...window, ...knowing(window) };
  const fresh = { ...known, ...keepingFresh(known) };
  const all = { ...fresh, ...askingTheUser(fresh) };
  const { counters, holdings, wants, changed } = all;
  // The scheduler of renewals listens already, so whoever looks now sees what it has begun.
  holdings.onDidChange((key) => {
    counters.set('credentials.held', holdings.size);
    changed();
    wants.look(key);
  });
  return { ...all, lending: new Lending(all), readiness: new Readiness(all) };
}

type Window = BrokerParts & ReturnType<typeof announcing> & { readonly closing: AbortSignal };
type Known = Omit<Window, 'leases'> & ReturnType<typeof knowing>;
type Fresh = Known & ReturnType<typeof keepingFresh>;

/** How the parts, and whoever shows them, hear that something has changed. */
function announcing({ log }: BrokerParts) {
  const onListenerError = (error: unknown) => log.error(`A listener failed: ${describeError(error)}`);
  const changes = new Announcer<undefined>(onListenerError);
  return {
    onListenerError,
    changes,
    changed: () => changes.announce(undefined),
    onDidChange: (listener: () => void) => changes.listen(listener),
  };
}

/** What is stored and what is in memory of it, for which servers, and what there is to know about issuers. */
function knowing(window: Window) {
  const { rules, audit, fetch, clock, log, memento, ledgers, workspace, drivers, closing } = window;
  const leases = new KeptLeases(window.leases);
  const vault = new CredentialVault({ ...window, leases });
  const bindings = new Bindings({ ...window, ledger: ledgers.bindings }, workspace);
  const sessions = new Sessions({ ...window, ledger: ledgers.sessions }, rules);
  const allowedOrigins = new AllowedOrigins(memento, log);
  // Late, since servers have to know the issuers, too: which accounts fit one, only they can say.
  const isTyped = (issuer: string, resource: string) => servers.isTypedIssuer(issuer, resource);
  const issuers = new Issuers(fetch, clock, closing, rules.issuerQuirks, isTyped, drivers);
  const reaches = new Reaches(issuers, allowedOrigins);
  const servers: BoundServers = new BoundServers(bindings, vault, audit, reaches, issuers);
  return {
    ...{ leases, vault, bindings, sessions, allowedOrigins, issuers, reaches, servers },
    holdings: new Holdings(window.onListenerError),
    departures: new Departures(),
    grants: new Grants({ ...window, issuers, vault }),
  };
}

/** What brings credentials into memory, and renews them. */
function keepingFresh(known: Known) {
  const renewals = new Renewals(known);
  /** Called when this window may use more than before. */
  const used = () => {
    renewals.look();
    known.changed();
  };
  const restored = (credential: Credential, key: string) => renewals.restored(credential, key);
  const loader = new Loader({ ...known, restored, loaded: used });
  return { renewals, refresher: renewals.refresher, loader, used };
}

/** What only the user can say or do, and what asks for it. */
function askingTheUser(fresh: Fresh) {
  const { servers, loader, used } = fresh;
  const own = new OwnClients(fresh);
  const clients = new Clients({ ...fresh, own });
  const permissions = new Permissions({ ...fresh, withdrawn: () => loader.loadAll() });
  const signOuts = new SignOuts({ ...fresh, clients });
  const stepUps: StepUps = new StepUps({
    ...fresh,
    hasServer: (id) => servers.has(id),
    // Late, since what is wanted for a server is told by what its calls wait for.
    want: (id) => wants.want(id, true),
  });
  const wants = new Wants({ ...fresh, signOuts, stepUps });
  const signIns = new SignIns({ ...fresh, clients, stepUps, changed: used });
  const imports = new Imports({ ...fresh, own });
  const signInSilently = (id: ServerId) => signIns.signInSilently(id);
  return { own, clients, permissions, signOuts, stepUps, wants, signIns, imports, signInSilently };
}
