import type { Broker } from '../../broker/broker.js';
import type { SignInWanted } from '../../broker/wants.js';
import type { Disposable } from '../../core/announcer.js';
import type { Clock } from '../../core/ports.js';
import type { Storage } from '../../core/storage.js';
import type { AccountActions } from '../accounts/account-actions.js';
import type { VSCode } from '../editor/api.js';
import { reasonText, renewFileText } from '../texts/state-texts.js';
import { unlinked } from '../editor/unlinked.js';

/** By then the editor has put a notification that nobody answers behind the bell, where it may stay for days. */
const patienceMs = 30_000;

/**
 * Asks for a sign-in, or for a choice of account, when something waits for it: one notification at a time, once for
 * each cause. One that was closed without an answer, or whose click has led to nothing, comes again with the next call
 * that waits, which there would be no way to help otherwise; nothing else brings it back.
 */
export class SignInNotifications implements Disposable {
  readonly #asked = new Set<string>();
  /** Those of which nothing is open any more: neither the notification nor what a click on it has led to. */
  readonly #over = new Set<string>();
  readonly #waiting: SignInWanted[] = [];
  readonly #listening: Disposable;
  #isOpen = false;
  #closing = (): void => undefined;

  constructor(
    private readonly vs: VSCode,
    private readonly broker: Broker,
    private readonly storage: Pick<Storage, 'health'>,
    private readonly clock: Clock,
    private readonly actions: Pick<AccountActions, 'signIn' | 'chooseAccount'>,
  ) {
    this.#listening = broker.onSignInWanted((wanted) => this.#take(wanted));
  }

  dispose(): void {
    this.#listening.dispose();
    this.#waiting.length = 0;
    this.#closing();
  }

  #take(wanted: SignInWanted): void {
    const once = nameOf(wanted);
    const isAgain = wanted.isCall && this.#over.delete(once);
    if (this.#asked.has(once) && !isAgain) return;
    this.#asked.add(once);
    this.#waiting.push(wanted);
    if (!this.#isOpen) void this.#showAll();
  }

  async #showAll(): Promise<void> {
    this.#isOpen = true;
    for (let wanted = this.#waiting.shift(); wanted !== undefined; wanted = this.#waiting.shift()) {
      await this.#show(wanted);
    }
    this.#isOpen = false;
  }

  async #show(wanted: SignInWanted): Promise<void> {
    const { l10n, window } = this.vs;
    const text = this.#textFor(wanted);
    if (text === undefined) {
      // Nobody has been asked, and the same may be wanted later.
      this.#asked.delete(nameOf(wanted));
      return;
    }
    const [signIn, choose, allow] = [l10n.t('Sign In'), l10n.t('Choose Account…'), l10n.t('Allow…')];
    const button = this.#mustChoose(wanted) ? choose : this.broker.stepUp(wanted.server) ? allow : signIn;
    const hasGone = this.#gone(wanted);
    const isAnswered = Promise.resolve(window.showWarningMessage(unlinked(text), button)).then((choice) => {
      if (choice === undefined && button === allow) this.broker.declineStepUp(wanted.server);
      const isOver = () => this.#over.add(nameOf(wanted));
      if (choice !== button || this.#textFor(wanted) === undefined) {
        isOver();
        return;
      }
      const { actions } = this;
      const action =
        choice === choose ? actions.chooseAccount(wanted.server) : actions.signIn(wanted.server, 'same');
      // The browser takes over from here; whoever else waits for the user is next.
      void action.finally(isOver);
    });
    await Promise.race([isAnswered, hasGone.happened]);
    hasGone.dispose();
  }

  /** When the notification of `wanted` is out of the way: its sign-in has come otherwise, or nobody looks at it. */
  #gone(wanted: SignInWanted): Disposable & { readonly happened: Promise<void> } {
    let dispose = (): void => undefined;
    const happened = new Promise<void>((resolve) => {
      const listening = this.broker.onDidChange(() => {
        if (this.#textFor(wanted) === undefined) resolve();
      });
      const timer = this.clock.after(patienceMs, resolve);
      this.#closing = dispose = () => {
        listening.dispose();
        timer.dispose();
      };
    });
    return { happened, dispose };
  }

  #mustChoose({ server }: SignInWanted): boolean {
    const state = this.broker.state(server);
    return state.kind === 'signed-out' && state.mustChoose === true;
  }

  /** @returns undefined when nothing is wanted any more */
  #textFor({ server }: SignInWanted): string | undefined {
    const { l10n } = this.vs;
    if (!this.broker.servers().some(({ id }) => id === server)) return undefined;
    const state = this.broker.state(server);
    switch (state.kind) {
      case 'needs-sign-in':
        return [
          reasonText(l10n, state.reason, state.account.label, this.storage.health),
          ...(state.isFromFile === true
            ? [
                renewFileText(l10n),
                l10n.t('The MCP server “{0}” waits for it; then choose “Sign In”.', server),
              ]
            : [l10n.t('The MCP server “{0}” waits for you to sign in again.', server)]),
        ].join(' ');
      case 'signed-out':
        if (state.mustChoose === true)
          return l10n.t('Several of your accounts fit the MCP server “{0}”.', server);
        return l10n.t('The MCP server “{0}” needs you to sign in.', server);
      case 'ready':
      case 'refreshing':
      case 'retrying': {
        const stepUp = this.broker.stepUp(server);
        if (stepUp === undefined && state.kind === 'retrying' && state.refusedClient !== undefined)
          return l10n.t(
            'The authorization server {0} refuses the client “{1}”, so the token of {2} for the MCP server “{3}” is not renewed; the sign-in is kept. Have the client fixed there, or sign in to enter its new secret.',
            state.account.issuer,
            state.refusedClient,
            state.account.label,
            server,
          );
        if (stepUp === undefined) return undefined;
        const scopes = stepUp.missing.map((scope) => JSON.stringify(scope)).join(', ');
        return l10n.t(
          'The MCP server “{0}” needs more permissions of {1}: {2}.',
          server,
          stepUp.account.label,
          scopes,
        );
      }
      case 'locked':
      case 'signing-in':
        return undefined;
    }
  }
}

const nameOf = ({ server, cause }: SignInWanted): string => JSON.stringify([server, cause]);
